/** What a command printed and how it ends: 0; 1 where it could not do it; 2 where what it found is not well. */
export interface CommandResult {
  code: number;
  stdout: string;
  stderr: string;
}

/** It could not be done, and why. */
export function failed(fault: string): CommandResult {
  return { code: 1, stdout: "", stderr: `${fault}\n` };
}
