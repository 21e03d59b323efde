import type { EmailContent } from '#contracts/catalogue.ts'
import { html } from '../sdk/html.ts'

/** The team's one mail layout: a heading, some lines, a link. Subject and heading are the same, on one line. */
export function mail({ subject, lines, url, link }: Mail): EmailContent {
  const title = subject.replace(/[\r\n\0\u2028\u2029]+/g, ' ')
  return {
    subject: title,
    html: html`<!doctype html>
      <body>
        <h1>${title}</h1>
        ${lines.map(line => html`<p>${line}</p>`)}
        <p><a href="${url}">${link}</a></p>
      </body>`,
    text: [title, '', ...lines, '', `${link}: ${url}`].join('\n'),
  }
}

type Mail = { subject: string; lines: readonly string[]; url: string; link: string }
