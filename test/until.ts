import { setTimeout as sleep } from "node:timers/promises";

/** Waits until it is so, looking each 20 ms. Throws when it never is. */
export async function until(isSo: () => Promise<boolean>, tries = 400): Promise<void> {
  for (let i = 0; i < tries; i++) {
    if (await isSo()) return;
    await sleep(20);
  }
  throw new Error("it never came to be");
}
