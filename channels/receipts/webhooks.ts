import type { KeyObject } from 'node:crypto'
import { addressHash, hearText } from '#preferences/preferences.ts'
import { clientOf, createRequestLimit } from '#runtime/request-limit.ts'
import { every } from '#runtime/every.ts'
import { type FastifyInstance, type FastifyReply, type FastifyRequest, problem } from '#runtime/http.ts'
import { verifiedAttempt } from '../attempt-signature.ts'
import { isSendgridSigned, keptOfSendgrid } from '../email/sendgrid-reports.ts'
import type { KeptReport } from '../report.ts'
import { type Replies, replyTo } from '../sms/replies.ts'
import { isTwilioSigned, keptOfTwilio } from '../sms/twilio-reports.ts'
import { stopCodes, twilioText, twiml } from '../sms/twilio-texts.ts'
import { applyReports, type ReportDeps } from './apply-reports.ts'
import { keepReports, type ReportingProvider } from './receipt-store.ts'

/**
 * What reports are believed by; a provider that is not named is not listened to. `twilio.url`: the address that Twilio was
 * given, whatever a request says of its host; `tokens`: the account's, two while they are changed. `sendgrid`: its public
 * keys, in PEM.
 */
export type WebhookTrust = {
  twilio?: { url: () => string; tokens: readonly string[] }
  sendgrid?: { keys: readonly KeyObject[] }
}
/** `secret`: what the attempts in callbacks are signed with. `replies`: what people are answered who text us. */
export type Webhooks = ReportDeps & { secret: string; trust: WebhookTrust; replies: Replies }

const bodyBytesMax = 1024 * 1024
/** Providers post from addresses that all their customers share: what counts against one is what it did not sign, and that alone is refused. */
const strangerRate = { perSecond: 1, burst: 60 }
/** What a crash or an outage left is looked for at this pace. */
const applyPauseMs = 5_000

/**
 * `POST /webhooks/twilio` and `POST /webhooks/sendgrid`. Over the raw bytes: verified, kept without addresses, answered 200,
 * then applied. `POST /webhooks/twilio/inbound`: what somebody texted to us, heard before it is answered. What is not signed by the provider is a 403 and changes nothing. What names no attempt of ours is answered
 * 200 and counted, so that no provider repeats it. Where much comes from one address that is not signed, that is a 429, and what is
 * signed goes on being heard. Disposing ends the applying.
 */
export function webhooksApi(app: FastifyInstance, deps: Webhooks): AsyncDisposable {
  const { trust } = deps
  const applying = applier(deps)
  const strangers = createRequestLimit(strangerRate, deps.clock)
  const believed = <T>(request: FastifyRequest, said: T | undefined): T => {
    if (said) return said
    strangers.take(clientOf(request))
    throw problem(403, { detail: 'the signature is not the provider’s' })
  }
  void app.register(async scope => {
    // No other type is read, and none is looked into before its signature is checked.
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser(
      ['application/x-www-form-urlencoded', 'application/json'],
      { parseAs: 'buffer', bodyLimit: bodyBytesMax },
      (_request, body, done) => done(null, body),
    )
    const routes = { bodyLimit: bodyBytesMax }
    if (trust.twilio)
      scope.post<{ Body: Buffer | undefined }>('/webhooks/twilio', routes, async (request, reply) => {
        const reports = believed(request, twilioSaid(request, deps))
        return taken(reply, await keep('twilio', reports, deps))
      })
    if (trust.twilio)
      scope.post<{ Body: Buffer | undefined }>('/webhooks/twilio/inbound', routes, async (request, reply) => {
        const form = believed(request, twilioForm(request, { trust, path: '/inbound' }))
        return reply.type('text/xml; charset=utf-8').send(twiml(await heard(form, deps)))
      })
    if (trust.sendgrid)
      scope.post<{ Body: Buffer | undefined }>('/webhooks/sendgrid', routes, async (request, reply) => {
        const reports = believed(request, sendgridSaid(request, deps))
        return taken(reply, await keep('sendgrid', reports, deps))
      })
  })
  const taken = (reply: FastifyReply, fresh: number) => {
    if (fresh > 0) applying.wake()
    return reply.code(200).send('')
  }
  return applying
}

/** `body`: undefined where there was none. */
type Posted = { body: Buffer | undefined; headers: Readonly<Record<string, unknown>>; url: string }
const none = Buffer.alloc(0)
type Said = readonly (KeptReport | undefined)[]

/** Undefined: it is not signed by them. */
function twilioSaid(posted: Posted, { trust, secret }: Webhooks): Said | undefined {
  const form = twilioForm(posted, { trust, path: '' })
  const named = form && verifiedAttempt(new URLSearchParams(queryOf(posted)), secret)
  return form && [named && keptOfTwilio(form, named.attempt)]
}

const queryOf = ({ url }: Posted): string => (url.includes('?') ? url.slice(url.indexOf('?')) : '')

/** What Twilio posted to a path below ours; undefined: it was not they. */
function twilioForm(
  posted: Posted,
  { trust, path }: { trust: WebhookTrust; path: '' | '/inbound' },
): URLSearchParams | undefined {
  const { body = none, headers } = posted
  const { url: ours, tokens } = trust.twilio!
  const form = new URLSearchParams(body.toString())
  const signature = headerOf(headers, 'x-twilio-signature')
  return isTwilioSigned({ url: ours() + path + queryOf(posted), form, signature }, tokens) ? form : undefined
}

/**
 * Does what a text asks for, and gives its one answer: the same to every copy, of which Twilio sends one on. None where
 * Twilio has answered, where nothing was changed, and to what asks for nothing.
 */
async function heard(form: URLSearchParams, { db, addressKey, clock, replies, metrics }: Webhooks) {
  const text = twilioText(form)
  metrics.count('texts_total', { word: text?.word ?? 'none' })
  if (!text) return undefined
  const { answered, ...said } = text
  const { changed, locale } = await hearText({ db, addressKey }, { ...said, now: clock.now(), lifts: stopCodes })
  return changed && !answered ? replyTo(said.word, { ...replies, locale }) : undefined
}

function sendgridSaid({ body = none, headers }: Posted, { trust, clock }: Webhooks): Said | undefined {
  const events = {
    timestamp: headerOf(headers, 'x-twilio-email-event-webhook-timestamp'),
    signature: headerOf(headers, 'x-twilio-email-event-webhook-signature'),
    body,
  }
  if (!isSendgridSigned(events, { keys: trust.sendgrid!.keys, now: clock.now() })) return undefined
  const said = keptOfSendgrid(body)
  if (!said) throw problem(400, { detail: 'the body is no list of events' })
  return said
}

const headerOf = (headers: Posted['headers'], name: string): string => {
  const said = headers[name]
  return typeof said === 'string' ? said : ''
}
const channelOf = { twilio: 'sms', sendgrid: 'email' } as const

async function keep(provider: ReportingProvider, said: Said, deps: Webhooks): Promise<number> {
  const { db, addressKey, metrics } = deps
  const reports = said.filter(one => one !== undefined)
  const strange = said.length - reports.length
  if (strange > 0) metrics.count('receipts_total', { event: 'report', result: 'unknown' }, strange)
  return keepReports(
    db,
    reports.map(({ address, ...report }) => ({
      ...{ ...report, provider },
      hash: address === undefined ? null : addressHash(addressKey, { channel: channelOf[provider], address }),
    })),
  )
}

/** Applies what waits: at once when it is woken, and now and then. */
function applier(deps: Webhooks): AsyncDisposable & { wake(): void } {
  const { log } = deps
  const failed = (error: unknown) => log.warn({ task: 'receipts', error }, 'applying reports failed and will run again')
  let again: Promise<unknown> | undefined
  let woken = false
  const all = async () => {
    while (await applyReports(deps));
  }
  const wake = () => {
    woken = true
    again ??= (async () => {
      while (woken) {
        woken = false
        await all().catch(failed)
      }
      again = undefined
    })()
  }
  const loop = every(applyPauseMs, () => applyReports(deps), failed)
  return {
    wake,
    async [Symbol.asyncDispose]() {
      await loop[Symbol.asyncDispose]()
      await again
    },
  }
}
