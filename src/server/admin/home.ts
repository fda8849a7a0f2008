import type { Endpoint, EndpointParam } from "./endpoint.ts";

/** /: the commands as a page with a form each. */
export function homeEndpoint(all: () => readonly Endpoint[]): Endpoint {
  return {
    path: "/",
    help: "Admin home page",
    mutates: false,
    params: [],
    handle: () => ({ status: 200, contentType: "text/html; charset=UTF-8", body: page(all()) }),
  };
}

function page(endpoints: readonly Endpoint[]): string {
  const rows = endpoints.filter((endpoint) => endpoint.path !== "/").map(row);
  return `<!DOCTYPE html>
<html lang='en'>
<head>
  <title>Envoy Admin (Nuncio)</title>
  <style>${style}</style>
</head>
<body>
  <table class='home-table'>
    <thead><tr><th>Command</th><th>Description</th></tr></thead>
    <tbody>
${rows.join("\n")}
    </tbody>
  </table>
</body>
</html>
`;
}

function row(endpoint: Endpoint, index: number): string {
  const name = endpoint.path.slice(1);
  const shade = index % 2 === 0 ? "" : " class='gray'";
  const id = name.replaceAll("/", "-");
  const method = endpoint.mutates ? "post" : "get";
  const command =
    endpoint.mutates || endpoint.params.length > 0
      ? `<form action='${name}' method='${method}' id='${id}'><button>${name}</button></form>`
      : `<a href='${name}'>${name}</a>`;
  const params = endpoint.params.map((param) => field(param, id, shade));
  return `<tr${shade}><td>${command}</td><td>${escapeHtml(endpoint.help)}</td></tr>${params.join("")}`;
}

function field(param: EndpointParam, form: string, shade: string): string {
  const id = `${form}-${param.name}`;
  let input = `<input type='${param.input}' name='${param.name}' id='${id}' form='${form}'>`;
  if (param.input === "select") {
    const options = param.choices.map((choice) => `<option value='${choice}'>${choice}</option>`);
    input = `<select name='${param.name}' id='${id}' form='${form}'>${options.join("")}</select>`;
  }
  return `<tr${shade}><td class='option'>${input}</td><td><label for='${id}'>${escapeHtml(param.help)}</label></td></tr>`;
}

function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

const style = `
    .home-table { font: medium sans-serif; border-collapse: collapse; }
    th, td { text-align: left; padding: 4px; }
    form { margin: 0; }
    .gray { background: #ddd; }
    .option { padding-left: 40px; text-align: right; }
  `;
