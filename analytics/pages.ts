import path from 'node:path'
import { importsOf } from '#runtime/browser-code.ts'
import { sendPage } from '#runtime/browser-page.ts'
import type { FastifyInstance } from '#runtime/http.ts'
import { styles } from './dashboard/styles.ts'
import { rulesPage } from './rules-page.ts'

/** Modules of the pages, to be served under the name `dashboard`. */
export const dashboardFolder = path.join(import.meta.dirname, 'dashboard')

type Page = { name: string; title: string; main: string; modules?: readonly string[] }

const pages: Record<string, Page> = {
  '/dashboard': { name: 'Dashboard', title: 'Where notifications go', ...drawnBy('dashboard') },
  '/trace': { name: 'Trace', title: 'What happened, and why', ...drawnBy('trace-page') },
  '/rules': { name: 'Rules', title: 'Rules and outcomes', main: rulesPage() },
}

/**
 * `GET /dashboard`, `/trace` and `/rules`: pages for analysts and support. They are the same for everybody and hold nothing about
 * anybody: what they show they ask the API for, with the token that the person in front of them has.
 */
export function analyticsPages(app: FastifyInstance): void {
  for (const at of Object.keys(pages)) {
    const page = pageAt(at)
    app.get(at, async (_request, reply) => sendPage(reply, page))
  }
}

function pageAt(at: string): string {
  const { title, main, modules = [] } = pages[at]!
  const links = Object.entries(pages).map(
    ([to, { name }]) => `<a href="${to}"${to === at ? ' aria-current="page"' : ''}>${name}</a>`,
  )
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${title} · Carillon</title>
<style>${styles}</style>
${modules.map(one => `<link rel="modulepreload" href="${one}">`).join('\n')}
</head>
<body>
<a class="skip" href="#answer">Skip to the answer</a>
<header class="top">
<h1 tabindex="-1">${title}</h1>
<nav aria-label="Pages">${links.join(' ')}${modules.length > 0 ? ' <button class="plain" id="sign-out" hidden>Sign out</button>' : ''}</nav>
</header>
${main}
</body>
</html>
`
}

/** A page that is drawn in the browser, of whoever is signed in. */
function drawnBy(module: string): Pick<Page, 'main' | 'modules'> {
  const modules = importsOf({ name: 'dashboard', folder: dashboardFolder, module })
  const main = `<main><noscript>This page needs JavaScript; the API and the command line tell the same.</noscript></main>
<script type="module" src="${modules[0]}"></script>`
  return { main, modules }
}
