/** Whether a comma-separated list has a token (in lower case), whatever its case there. */
export function hasToken(list: string | null, token: string): boolean {
  return list?.split(",").some((one) => one.trim().toLowerCase() === token) ?? false;
}
