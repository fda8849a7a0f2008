import { optionNames } from "../../explain/options.ts";
import { formatField } from "./config-params.ts";
import { type Endpoint, type EndpointParam, json, text, textField } from "./endpoint.ts";

const helpTexts: Readonly<Record<string, string>> = {
  listener: "The listener that gets the request",
  port: "The port of that listener",
  source: "The client's address",
  random: "From 0 to below 1: what shares and weights are drawn by",
  routes: "How many routes that do not match are told",
};

/** Nuncio's own: why a request would go where it goes, by the config of now. */
export const explain: Endpoint = {
  path: "/explain",
  help: "why a request goes where it goes; the body is a request line and headers, or JSON",
  mutates: true,
  takesBody: true,
  params: [...optionNames.map((name): EndpointParam => textField(name, helpTexts[name] ?? "")), formatField],
  async handle({ query, body }, state) {
    // Loaded when somebody asks.
    const [{ answerQuestion, readBody }, { explanationJson, explanationText }] = await Promise.all([
      import("../../explain/question.ts"),
      import("../../explain/render.ts"),
    ]);
    const question = readBody(body, query);
    const answer = typeof question === "string" ? question : answerQuestion(state.explainWorld(), question);
    if (typeof answer === "string") return text(`${answer}\n`, 400);
    return query.get("format") === "json" ? json(explanationJson(answer)) : text(explanationText(answer));
  },
};
