import type { Html } from '#contracts/catalogue.ts'
import { html } from '../sdk/html.ts'
import type { OpenApi, Operation, Schema } from './openapi-parts.ts'

/** The API for people, made from the same description as the document for machines. */
export function pageOf({ info, paths, components }: OpenApi): string {
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => operationOf(`${method.toUpperCase()} ${path}`, operation)),
  )
  return html`<!doctype html>
    <html lang="en">
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <title>${info.title}</title>
      <style>
        :root {
          color-scheme: light dark;
        }
        code {
          overflow-wrap: anywhere;
        }
        body {
          font:
            16px/1.5 system-ui,
            sans-serif;
          max-width: 50rem;
          margin: 2rem auto;
          padding: 0 1rem;
        }
        code,
        pre {
          background: #8882;
          border-radius: 3px;
          padding: 0 0.2em;
        }
        td,
        th {
          text-align: left;
          vertical-align: top;
          padding: 0.1em 1em 0.1em 0;
        }
      </style>
      <h1>${info.title}</h1>
      <p>${info.description} For machines: <a href="/openapi.json">openapi.json</a>.</p>
      ${operations} ${fieldsOf('The fields of an intent', components.schemas['Intent']!)}
    </html>`.html
}

const operationOf = (title: string, { summary, description, parameters = [], responses }: Operation): Html =>
  html`<h2><code>${title}</code></h2>
    <p>${summary}. ${description}</p>
    <table>
      ${parameters.map(({ name, description }) => row(name, description))}
      ${Object.entries(responses).map(([status, { description }]) => row(status, description))}
    </table>`

function fieldsOf(title: string, schema: Schema): Html {
  const { properties, required } = schema as { properties: Record<string, Schema>; required: string[] }
  const fields = Object.entries(properties).map(([name, { description, enum: values }]) =>
    row(
      required.includes(name) ? `${name} (required)` : name,
      [description, Array.isArray(values) && values.join(', ')].filter(Boolean).join(' '),
    ),
  )
  return html`<h2>${title}</h2>
    <table>
      ${fields}
    </table>`
}

const row = (name: string, description: string): Html =>
  html`<tr>
    <th><code>${name}</code></th>
    <td>${description}</td>
  </tr>`
