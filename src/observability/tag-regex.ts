/** A regex of stats_tags: ECMAScript's with POSIX classes, as Envoy's std::regex takes it. Throws a SyntaxError. `flags` as of RegExp. */
export function tagRegex(pattern: string, flags: string): RegExp {
  let text = "";
  let inBrackets = false;
  for (let i = 0; i < pattern.length; i++) {
    const char = pattern[i] as string;
    if (char === "\\") {
      text += char + (pattern[++i] ?? "");
      continue;
    }
    const name = inBrackets ? /^\[:(\w*):\]/.exec(pattern.slice(i)) : null;
    if (name !== null) {
      const members = classes[name[1] as string];
      if (members === undefined) throw new SyntaxError(`there is no character class ${name[0]}`);
      text += members;
      i += name[0].length - 1;
      continue;
    }
    if (char === "[") inBrackets = true;
    else if (char === "]") inBrackets = false;
    text += char;
  }
  return new RegExp(text, flags);
}

/** Of the C locale, as they stand in brackets. */
const classes: Readonly<Record<string, string>> = {
  alnum: "0-9A-Za-z",
  alpha: "A-Za-z",
  blank: " \\t",
  cntrl: "\\x00-\\x1f\\x7f",
  digit: "0-9",
  graph: "!-~",
  lower: "a-z",
  print: " -~",
  punct: "!-\\/:-@\\[-`{-~",
  space: "\\s",
  upper: "A-Z",
  xdigit: "0-9A-Fa-f",
  w: "\\w",
  d: "\\d",
  s: "\\s",
};
