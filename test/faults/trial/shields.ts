import { setTimeout as delay } from 'node:timers/promises';
import { ask, type LoadChild, type LoadRequest, type Reply } from '../../../bench/load.js';
import { createRandom } from '../../../src/generator/random.js';

export interface ShieldWatch {
  /** Probes answered, and how many of them showed what was hidden, since they were taken last. */
  take(): { probes: number; shown: number; set: number };
  /** Sets and lifts none for a while, and goes on probing; returns when no such request is on its way. */
  pauseChanges(): Promise<void>;
  goOnChanging(): void;
  stop(): Promise<void>;
}

export interface ShieldWatchOptions {
  urls: string[];
  children: LoadChild[];
  managerToken: string;
  practitionerToken: string;
  probesPerSecond: number;
  seed: number;
  heard: (reply: Reply, url: string, askedAt: number) => void;
}

interface Watched extends LoadChild {
  /** Counts the times that a shield stood beyond doubt; undefined while none does. */
  standing: number | undefined;
}

const STANDS_MS = 4_000;
const AGAIN_MS = 500;

/**
 * Sets shields on some children and lifts them, again and again, and all the while looks for these children by what a
 * shield hides. A shield stands from the answer that says so until the request that lifts it is sent; a probe counts that
 * lies wholly within.
 */
export function startShieldWatch(options: ShieldWatchOptions): ShieldWatch {
  const random = createRandom(options.seed, 72);
  const watched: Watched[] = options.children.map((child) => ({ ...child, standing: undefined }));
  let figures = { probes: 0, shown: 0, set: 0 };
  let stopped = false;
  let paused = false;
  let changing = 0;
  let turn = 0;
  const send = async (request: LoadRequest): Promise<Reply> => {
    const url = options.urls[turn++ % options.urls.length] as string;
    const askedAt = performance.now();
    const reply = await ask(url, request);
    options.heard(reply, url, askedAt);
    return reply;
  };

  async function change(request: LoadRequest): Promise<Reply> {
    while (paused && !stopped) await delay(20);
    changing++;
    try {
      return await send(request);
    } finally {
      changing--;
    }
  }

  async function setAndLift(child: Watched): Promise<void> {
    const route = `/v1/children/${child.childId}`;
    const token = options.managerToken;
    while (!stopped) {
      await delay(AGAIN_MS);
      const seen = await send({ method: 'GET', route, token });
      if (seen.kind !== 'answered' || seen.status !== 200 || seen.version === undefined) continue;
      let { version } = seen;
      if (!seen.body?.shielded) {
        // Said nothing of others who share an address or a parent, they stay undecided.
        const body = { reason: 'risk-of-harm' };
        const set = await change({ method: 'PUT', route: `${route}/shield`, token, version, body });
        if (set.kind !== 'answered' || set.status !== 200 || set.version === undefined) continue;
        ({ version } = set);
      }
      child.standing = ++figures.set;
      const until = performance.now() + STANDS_MS;
      while (!stopped && (paused || performance.now() < until)) await delay(100);
      child.standing = undefined;
      await change({ method: 'DELETE', route: `${route}/shield`, token, version });
    }
  }

  async function probe(): Promise<void> {
    const standing = watched.filter((one) => one.standing !== undefined);
    const child = standing[Math.floor(random() * standing.length)];
    if (!child) return;
    const { standing: before, familyName, givenNames, dateOfBirth, postcode, childId } = child;
    const kind = Math.floor(random() * 4);
    const named = { givenNames, familyName, dateOfBirth };
    const token = options.practitionerToken;
    const search = (body: object): LoadRequest => ({ method: 'POST', route: '/v1/children/search', token, body });
    const request = [
      search({ familyName, address: { postcode }, limit: 50 }),
      search({ familyName, address: { postcode }, mode: 'exact', limit: 50 }),
      search({ ...named, limit: 50 }),
      { method: 'GET', route: `/v1/children/${childId}`, token } as LoadRequest,
    ][kind] as LoadRequest;
    const reply = await send(request);
    if (reply.kind !== 'answered' || reply.status !== 200 || before === undefined || child.standing !== before) return;
    figures.probes++;
    const { body } = reply;
    const result = body?.results?.find((one) => one.childId === childId);
    const shown = [
      result !== undefined,
      result !== undefined,
      result !== undefined && (!result.shielded || result.address !== undefined),
      !body?.shielded || (body.addresses ?? body.parents) !== undefined,
    ][kind];
    if (shown) figures.shown++;
  }

  async function probeOnAndOn(): Promise<void> {
    while (!stopped) {
      await probe();
      await delay(1_000 / options.probesPerSecond);
    }
  }

  const running = Promise.all([...watched.map(setAndLift), probeOnAndOn(), probeOnAndOn()]);
  return {
    take() {
      const taken = figures;
      // The count of shields goes on: it tells one from the next.
      figures = { probes: 0, shown: 0, set: taken.set };
      return taken;
    },
    async pauseChanges() {
      paused = true;
      while (changing > 0) await delay(20);
    },
    goOnChanging() {
      paused = false;
    },
    async stop() {
      stopped = true;
      await running;
    },
  };
}
