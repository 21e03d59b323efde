import { randomBytes } from 'node:crypto'
import { escaped } from '#contracts/escaped.ts'
import type { FastifyInstance, FastifyReply, FastifyRequest } from '#runtime/http.ts'
import { clickOf } from '../attempt-token.ts'
import { isTarget } from '../click-links.ts'
import { applyReceipts, type ReceiptDeps } from './apply-receipts.ts'

/** `secret`: what the links of mails are sealed with. */
export type Clicks = ReceiptDeps & { secret: string }

type ByToken = { Params: { token: string } }
const bodyBytesMax = 1024

/**
 * What a link of a mail leads to. `GET /c/TOKEN` changes nothing, since scanners of mail open every link: its page tells
 * by `POST` that it was opened, and goes on to the target. That one is in the token, sealed by us: the page leads nowhere
 * else, for as long as the mail is kept. Any other token is a 404.
 */
export function clicksApi(app: FastifyInstance, deps: Clicks): void {
  const read = (token: string) => {
    const click = clickOf(token, deps.secret)
    return click && isTarget(click.target) ? click : undefined
  }
  void app.register(async scope => {
    scope.get<ByToken>('/c/:token', { bodyLimit: bodyBytesMax }, async (request, reply) => {
      const click = read(request.params.token)
      return click ? sendPage(reply, click.target) : sendUnknown(reply)
    })
    scope.post<ByToken>('/c/:token', { bodyLimit: bodyBytesMax }, async (request, reply) => {
      const click = read(request.params.token)
      const deed = isMachine(request) ? 'machine_opened' : 'opened'
      if (!click) {
        deps.metrics.count('receipts_total', { event: deed, result: 'unknown' })
        return sendUnknown(reply)
      }
      await applyReceipts(deps, [{ attempt: click.attempt, deed, at: deps.clock.now() }])
      return reply.code(204).send()
    })
  })
}

/** Those that say so: who hides passes for a person. */
function isMachine({ headers }: FastifyRequest): boolean {
  const agent = headers['user-agent'] ?? ''
  const purpose = `${String(headers['sec-purpose'])} ${String(headers.purpose)}`
  return agent === '' || machines.test(agent) || /prefetch|preview/i.test(purpose)
}
const machines = /bot\b|crawl|spider|scan|preview|proxy|headless|curl|wget|python|java\/|go-http|okhttp|axios|\bnode\b/i

function sendPage(reply: FastifyReply, target: string): FastifyReply {
  const nonce = randomBytes(16).toString('base64')
  const page = `<title>One moment</title>
<p><a id="target" rel="noreferrer" href="${escaped(target)}">Go on to ${escaped(new URL(target).host)}</a></p>
<script nonce="${nonce}">
fetch('', { method: 'POST', keepalive: true }).catch(() => {})
location.replace(document.getElementById('target').href)
</script>
`
  return send(reply, { page, script: `script-src 'nonce-${nonce}'; connect-src 'self'; ` })
}

const sendUnknown = (reply: FastifyReply): FastifyReply =>
  send(reply.code(404), {
    page: `<title>Not found</title>
<h1>This link leads nowhere</h1>
<p>Part of it is missing, or it was changed on its way. Open it in the message again, or copy all of it.</p>
`,
    script: '',
  })

const send = (reply: FastifyReply, { page, script }: { page: string; script: string }): FastifyReply =>
  reply
    .headers({
      'content-security-policy': `default-src 'none'; ${script}base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
      'x-robots-tag': 'noindex, nofollow',
    })
    .type('text/html; charset=utf-8')
    .send(
      `<!doctype html>\n<html lang="en">\n<meta name="viewport" content="width=device-width, initial-scale=1">\n${page}</html>\n`,
    )
