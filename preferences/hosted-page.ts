import { sendPage } from '#runtime/browser-page.ts'
import type { FastifyInstance } from '#runtime/http.ts'

/** Where the page of a person lies, by a link that is theirs (`page-link.ts`). */
const hostedPath = '/preferences'

const style = `
:root { color-scheme: light dark; background: light-dark(#f3f4f6, #121316) }
body { margin: 0 }
main { max-width: 60rem; margin: 0 auto; padding: clamp(1rem, 4vw, 3rem) clamp(1rem, 4vw, 2rem); font: 1rem/1.5 system-ui, sans-serif }
`
const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>Notifications</title>
<style>${style}</style>
<script type="module" src="/ui/preferences/hosted.js"></script>
</head>
<body><main><noscript>This page needs JavaScript. Links in mails unsubscribe without it.</noscript></main></body>
</html>
`

/**
 * `GET /preferences/LINK`: the page for people who have a link of theirs, and are not in the product. It is the same for
 * every link and asks nothing of anybody, so whoever opens it for somebody else changes nothing and learns nothing; what it
 * shows it asks the API for.
 */
export function hostedPage(app: FastifyInstance): void {
  app.get(`${hostedPath}/:link`, async (_request, reply) => sendPage(reply, page))
}
