import { hash, verify } from '@node-rs/argon2';

/** argon2id as OWASP's Password Storage Cheat Sheet asks for: 19 MiB, two passes, one lane. */
const cost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };

/** No password has this hash; checking against it takes as long as against any other. */
const NOBODYS_HASH =
  '$argon2id$v=19$m=19456,t=2,p=1$0hpUpPpsPIPPUxqgN2JJmA$fRP1HqGKPPqwzeZ+hVfvp8e4xh4XYiE0Vgvq2R9/1Aw';

export async function hashPassword(password: string): Promise<string> {
  return hash(password.normalize('NFC'), cost);
}

/** Takes equally long whether there is a hash to compare with or not. */
export async function isPassword(passwordHash: string | null | undefined, password: string): Promise<boolean> {
  const agrees = await verify(passwordHash ?? NOBODYS_HASH, password.normalize('NFC'));
  return agrees && passwordHash != null;
}
