/**
 * A strftime format as Envoy takes it for %START_TIME(...)%: strftime's own specifiers, %3f for a fraction of that many
 * digits, %f for nanoseconds, and cctz's %E3S, %E*S, %Ez. The part that only changes once a second is kept.
 */
export class TimeFormat {
  readonly #parts: (string | Fraction)[] = [];
  readonly #isLocal: boolean;
  #second = Number.NaN;
  /** #parts with the texts of #second in place. */
  #rendered: string[] = [];

  constructor(format: string, isLocal: boolean) {
    this.#isLocal = isLocal;
    let text = "";
    for (let i = 0; i < format.length; i++) {
      const fraction = format[i] === "%" ? fractionAt(format, i) : null;
      if (fraction === null) {
        text += format[i];
        // "%%" is one specifier: its second sign begins none.
        if (format[i] === "%" && i + 1 < format.length) text += format[++i];
        continue;
      }
      if (fraction.hasSeconds) text += "%S";
      this.#parts.push(text, fraction);
      text = "";
      i += fraction.length - 1;
    }
    this.#parts.push(text);
  }

  /** `epochMs` may have a fraction. */
  format(epochMs: number): string {
    const second = Math.floor(epochMs / 1000);
    if (second !== this.#second) this.#render(second);
    const rendered = this.#rendered;
    if (rendered.length === 1) return rendered[0] as string;
    const micros = Math.floor((epochMs - second * 1000) * 1000);
    let text = "";
    for (let i = 0; i < rendered.length; i++) {
      const part = this.#parts[i] as string | Fraction;
      text += typeof part === "string" ? rendered[i] : fractionText(part, micros);
    }
    return text;
  }

  #render(second: number): void {
    this.#second = second;
    const date = this.#isLocal ? localParts(second) : utcParts(second);
    this.#rendered = this.#parts.map((part) => (typeof part === "string" ? strftime(part, date) : ""));
  }
}

interface Fraction {
  /** Digits, or -1 for as many as are not zero. */
  digits: number;
  /** %E3S: seconds, then a point and the fraction. */
  hasSeconds: boolean;
  /** Of the specifier in the format. */
  length: number;
}

function fractionAt(format: string, at: number): Fraction | null {
  const match = /^%(?:([1-9]?)f|E([0-9]|1[0-5]|\*)([Sf]))/.exec(format.slice(at, at + 6));
  if (match === null) return null;
  const length = match[0].length;
  if (match[3] === undefined) return { digits: match[1] === "" ? 9 : Number(match[1]), hasSeconds: false, length };
  return { digits: match[2] === "*" ? -1 : Number(match[2]), hasSeconds: match[3] === "S", length };
}

function fractionText({ digits, hasSeconds }: Fraction, micros: number): string {
  const six = String(micros).padStart(6, "0");
  let text = digits < 0 ? six.replace(/0+$/, "") : six.padEnd(digits, "0").slice(0, digits);
  if (!hasSeconds) return digits < 0 && text === "" ? "0" : text;
  if (text !== "") text = `.${text}`;
  return text;
}

interface DateParts {
  second: number;
  year: number;
  /** 0 to 11. */
  month: number;
  day: number;
  weekday: number;
  hour: number;
  minute: number;
  sec: number;
  /** 1 to 366. */
  yearDay: number;
  /** Minutes east of UTC. */
  offset: number;
  zone: string;
}

function utcParts(second: number): DateParts {
  const date = new Date(second * 1000);
  return {
    second,
    year: date.getUTCFullYear(),
    month: date.getUTCMonth(),
    day: date.getUTCDate(),
    weekday: date.getUTCDay(),
    hour: date.getUTCHours(),
    minute: date.getUTCMinutes(),
    sec: date.getUTCSeconds(),
    yearDay: Math.floor((second * 1000 - Date.UTC(date.getUTCFullYear(), 0, 1)) / 86_400_000) + 1,
    offset: 0,
    zone: "UTC",
  };
}

function localParts(second: number): DateParts {
  const offset = -new Date(second * 1000).getTimezoneOffset();
  const zone = new Intl.DateTimeFormat("en-US", { timeZoneName: "short" })
    .formatToParts(second * 1000)
    .find((part) => part.type === "timeZoneName")?.value;
  return { ...utcParts(second + offset * 60), second, offset, zone: zone ?? "UTC" };
}

function strftime(format: string, d: DateParts): string {
  return format.replace(/%(E[zT]|E4Y|[\s\S])/g, (all, specifier: string) => specifierText(specifier, d) ?? all);
}

function specifierText(specifier: string, d: DateParts): string | null {
  const hour12 = d.hour % 12 === 0 ? 12 : d.hour % 12;
  switch (specifier) {
    case "a":
      return (weekdays[d.weekday] as string).slice(0, 3);
    case "A":
      return weekdays[d.weekday] as string;
    case "b":
    case "h":
      return (months[d.month] as string).slice(0, 3);
    case "B":
      return months[d.month] as string;
    case "c":
      return strftime("%a %b %e %H:%M:%S %Y", d);
    case "C":
      return two(Math.floor(d.year / 100));
    case "d":
      return two(d.day);
    case "D":
    case "x":
      return strftime("%m/%d/%y", d);
    case "e":
      return String(d.day).padStart(2);
    case "F":
      return strftime("%Y-%m-%d", d);
    case "g":
      return two(isoWeek(d).year % 100);
    case "G":
      return String(isoWeek(d).year);
    case "H":
      return two(d.hour);
    case "I":
      return two(hour12);
    case "j":
      return String(d.yearDay).padStart(3, "0");
    case "k":
      return String(d.hour).padStart(2);
    case "l":
      return String(hour12).padStart(2);
    case "m":
      return two(d.month + 1);
    case "M":
      return two(d.minute);
    case "n":
      return "\n";
    case "p":
      return d.hour < 12 ? "AM" : "PM";
    case "P":
      return d.hour < 12 ? "am" : "pm";
    case "r":
      return strftime("%I:%M:%S %p", d);
    case "R":
      return strftime("%H:%M", d);
    case "s":
      return String(d.second);
    case "S":
      return two(d.sec);
    case "t":
      return "\t";
    case "T":
    case "X":
      return strftime("%H:%M:%S", d);
    case "u":
      return String(d.weekday === 0 ? 7 : d.weekday);
    case "U":
      return two(Math.floor((d.yearDay + 6 - d.weekday) / 7));
    case "V":
      return two(isoWeek(d).week);
    case "w":
      return String(d.weekday);
    case "W":
      return two(Math.floor((d.yearDay + 6 - ((d.weekday + 6) % 7)) / 7));
    case "y":
      return two(d.year % 100);
    case "Y":
      return String(d.year);
    case "E4Y":
      return String(d.year).padStart(4, "0");
    case "z":
      return zoneOffset(d.offset, "");
    case "Ez":
      return zoneOffset(d.offset, ":");
    case "ET":
      return "T";
    case "Z":
      return d.zone;
    case "%":
      return "%";
    default:
      return null;
  }
}

/** ISO 8601 week: that of the Thursday of the same week. */
function isoWeek(d: DateParts): { year: number; week: number } {
  const thursday = d.yearDay + 3 - ((d.weekday + 6) % 7);
  if (thursday < 1) return { year: d.year - 1, week: Math.ceil((thursday + daysIn(d.year - 1)) / 7) };
  if (thursday > daysIn(d.year)) return { year: d.year + 1, week: 1 };
  return { year: d.year, week: Math.ceil(thursday / 7) };
}

function daysIn(year: number): number {
  return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 366 : 365;
}

function zoneOffset(minutes: number, separator: string): string {
  const size = Math.abs(minutes);
  return `${minutes < 0 ? "-" : "+"}${two(Math.floor(size / 60))}${separator}${two(size % 60)}`;
}

function two(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}

const weekdays = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const months = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];
