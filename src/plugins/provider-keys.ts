import { createLocalJWKSet, errors, type FlattenedJWSInput, type JSONWebKeySet, type JWSHeaderParameters } from 'jose';
import { DirectoryError } from '../errors.js';

const FETCH_MS = 3_000;
/** However many tokens name a key that is not known, the provider is asked so often and no oftener. */
const BETWEEN_FETCHES_MS = 30_000;
const FRESH_MS = 10 * 60_000;
/** While the provider is away its last keys go on being good; but a key that it withdrew must end some time. */
const KEPT_MS = 24 * 3_600_000;
const LONGEST_ANSWER = 256 * 1024;

type Find = ReturnType<typeof createLocalJWKSet>;

/** The key that a token is to be checked by. Throws where there is none. */
export type ProviderKeys = (header: JWSHeaderParameters, token: FlattenedJWSInput) => ReturnType<Find>;

interface Keys {
  find: Find;
  fetchedAt: number;
}

/**
 * The public keys of the identity provider. A key that is not known makes it ask anew, which is how a rotation is
 * noticed. @param now milliseconds of any steady clock
 */
export function providerKeys(url: string, now: () => number = () => performance.now()): ProviderKeys {
  let keys: Keys | undefined;
  let askedAt = Number.NEGATIVE_INFINITY;
  let asking: Promise<void> | undefined;
  let failure: unknown;

  async function ask(): Promise<void> {
    try {
      keys = { find: createLocalJWKSet(await fetchKeys(url)), fetchedAt: now() };
      failure = undefined;
    } catch (error) {
      failure = error;
    }
  }

  /** Waits for who is asking already. @returns false where it was asked a moment ago */
  async function refresh(): Promise<boolean> {
    if (!asking && now() - askedAt < BETWEEN_FETCHES_MS) return false;
    if (!asking) {
      askedAt = now();
      asking = ask().finally(() => {
        asking = undefined;
      });
    }
    await asking;
    return true;
  }

  function known(): Keys {
    if (keys && now() - keys.fetchedAt < KEPT_MS) return keys;
    throw new DirectoryError('unavailable', 'Tokens of the identity provider cannot be checked at the moment', {
      retryAfterSeconds: BETWEEN_FETCHES_MS / 1_000,
      cause: failure,
    });
  }

  return async (header, token) => {
    if (!keys || now() - keys.fetchedAt >= KEPT_MS) await refresh();
    // Nobody waits for what is only not fresh any more.
    else if (now() - keys.fetchedAt >= FRESH_MS) void refresh();
    try {
      return await known().find(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey) || !(await refresh())) throw error;
      return known().find(header, token);
    }
  };
}

async function fetchKeys(url: string): Promise<JSONWebKeySet> {
  const reply = await fetch(url, {
    headers: { accept: 'application/json' },
    redirect: 'error',
    signal: AbortSignal.timeout(FETCH_MS),
  });
  if (!reply.ok || !reply.body) throw new Error(`The identity provider answered ${reply.status} instead of its keys`);
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of reply.body) {
    length += part.length;
    if (length > LONGEST_ANSWER) throw new Error("The identity provider's keys are too long");
    parts.push(part);
  }
  const { keys = [] } = JSON.parse(Buffer.concat(parts).toString('utf8')) as Partial<JSONWebKeySet>;
  // A key for signatures that both sides make alike would let whoever reads this list sign.
  return { keys: keys.filter(({ kty }) => kty !== 'oct') };
}
