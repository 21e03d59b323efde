import path from 'node:path'
import { rules, sentence } from '#contracts/decision.ts'
import { escaped } from '#contracts/escaped.ts'
import { outcomes } from '#contracts/outcome.ts'
import { sendPage } from '#runtime/browser-page.ts'
import type { FastifyInstance } from '#runtime/http.ts'
import { styles } from './dashboard/styles.ts'
import { deeds, eventSentence, openStates, refusalSentences, standings } from './trace.ts'

/** Modules of the pages, to be served under the name `dashboard`. */
export const dashboardFolder = path.join(import.meta.dirname, 'dashboard')

const pages = {
  '/dashboard': { title: 'Where notifications go', body: scriptOf('dashboard') },
  '/trace': { title: 'What happened, and why', body: scriptOf('trace-page') },
  '/rules': { title: 'Rules and outcomes', body: rulesText() },
}

/**
 * `GET /dashboard`, `/trace` and `/rules`: pages for analysts and support. They are the same for everybody and hold nothing about
 * anybody: what they show they ask the API for, with the token that the person in front of them has.
 */
export function analyticsPages(app: FastifyInstance): void {
  for (const [at, { title, body }] of Object.entries(pages)) {
    const page = pageOf(title, body)
    app.get(at, async (_request, reply) => sendPage(reply, page))
  }
}

const pageOf = (title: string, body: string): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${title} · Carillon</title>
<style>${styles}</style>
</head>
<body>${body}</body>
</html>
`

function scriptOf(module: string): string {
  return `<main><noscript>This page needs JavaScript; the API and the command line tell the same.</noscript></main>
<script type="module" src="/ui/dashboard/${module}.js"></script>`
}

/** What each code means that a trace can show. A function: what it is asked for stands above it. */
function rulesText(): string {
  const told = new Map<string, string>(outcomes.map(what => [what, eventSentence({ what })]))
  for (const [code, meaning] of Object.entries({ ...deeds, ...standings, ...openStates, ...refusalSentences }))
    told.set(code, told.get(code) ?? meaning)
  for (const rule of rules) {
    const before = told.get(rule)
    const text = sentence({ rule, value: '…' })
    told.set(rule, before === undefined || before === text ? text : `${before} In one case: ${text}`)
  }
  const list = [...told].sort(([a], [b]) => (a < b ? -1 : 1))
  return `<main><div class="page"><header class="top"><h1>Rules and outcomes</h1><nav><a href="/dashboard">Dashboard</a> <a href="/trace">Trace</a></nav></header>
<section class="card" aria-label="What each code means"><dl class="rules">${list
    .map(([code, text]) => `<dt id="${code}"><code>${code}</code></dt><dd>${escaped(text)}</dd>`)
    .join('\n')}</dl></section></div></main>`
}
