import cliProgress from 'cli-progress';

export interface Progress {
  update(done: number, note?: string): void;
  stop(): void;
}

/** A bar on standard error where that is a terminal; nothing otherwise. Without a total it counts up. */
export function createProgress(title: string, total?: number): Progress {
  if (!process.stderr.isTTY) return { update() {}, stop() {} };
  const format = total ? `${title} {bar} {percentage}% | {note} | {eta_formatted} left` : `${title} {note}`;
  const bar = new cliProgress.SingleBar(
    { format, stream: process.stderr, hideCursor: true },
    cliProgress.Presets.shades_classic,
  );
  bar.start(total ?? 1, 0, { note: '' });
  return {
    update(done, note = '') {
      bar.update(total ? Math.min(done, total) : 0, { note });
    },
    stop() {
      bar.stop();
    },
  };
}
