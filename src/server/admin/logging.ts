import { componentLevels } from "../flags.ts";
import { type AdminReply, type Endpoint, select, text, textField } from "./endpoint.ts";
import type { LogLevels } from "./state.ts";

const levels = ["trace", "debug", "info", "warning", "error", "critical", "off"];

export const logging: Endpoint = {
  path: "/logging",
  help: "query/change logging levels",
  mutates: true,
  params: [
    textField(
      "paths",
      "Change multiple logging levels by setting to <logger_name1>:<desired_level1>,<logger_name2>:<desired_level2>. If fine grain logging is enabled, use __FILE__ or a glob experision as the logger name. For example, source/common*:warning",
    ),
    textField(
      "group",
      "Change given logger group to desired level, set to <logger_group_name>:<desired_level>. logger_group_name must be a logger name.",
    ),
    select("level", "desired logging level, this will change all loggers's level", ["", ...levels]),
  ],
  handle({ query }, state) {
    const given = [...query].filter(([, value]) => value !== "");
    if (given.length === 0) return text(list(state.logLevels));
    if (given.length > 1) return refuse("invalid number of parameters", state.logLevels);
    const [name, value] = given[0];
    if (name === "group") return refuse("group parameter requires fine-grain logging to be enabled", state.logLevels);
    if (name === "level") {
      if (!levels.includes(value) && value !== "warn") return refuse("unknown logger level", state.logLevels);
      state.logLevels.setAll(value === "warn" ? "warning" : value);
      return text(list(state.logLevels));
    }
    const changes = componentLevels(name === "paths" ? value : `${name}:${value}`);
    if (typeof changes === "string") {
      if (changes.startsWith("invalid log level")) return refuse("unknown logger level", state.logLevels);
      if (changes.startsWith("invalid component")) return refuse("unknown logger name", state.logLevels);
      return refuse("empty logger name or empty logger level", state.logLevels);
    }
    state.logLevels.set(changes);
    return text(list(state.logLevels));
  },
};

function refuse(fault: string, logLevels: LogLevels): AdminReply {
  return text(
    `error: ${fault}

usage: /logging?<name>=<level> (change single level)
usage: /logging?paths=name1:level1,name2:level2,... (change multiple levels)
usage: /logging?level=<level> (change all levels)
usage: /logging?group=<group_name>:<level> (change group of loggers)
levels: ${levels.join(" ")} 
${list(logLevels)}`,
    400,
  );
}

function list(logLevels: LogLevels): string {
  let out = "active loggers:\n";
  for (const [name, level] of logLevels.list()) out += `  ${name}: ${level}\n`;
  return `${out}\n`;
}
