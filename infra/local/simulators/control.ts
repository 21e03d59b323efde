import { commonAnswers } from './answers.ts'
import type { ProviderName } from './answers.ts'
import { apnsAnswers } from './apns.ts'
import type { Exchange, Reply } from './exchange.ts'
import { fcmAnswers } from './fcm.ts'
import { parseReceiptRule, type Receipts, type ReceiptTargets } from './receipts.ts'
import type { RequestLog } from './request-log.ts'
import type { Rule, Script } from './script.ts'
import { sendgridAnswers } from './sendgrid.ts'
import { twilioAnswers } from './twilio.ts'
import { webPushAnswers } from './web-push.ts'

/**
 * Commands the simulators from another process, over HTTP on loopback:
 * `POST /script` one rule or a list of them · `DELETE /script` forgets them · `GET /log?after=seq` the kept lines as
 * ndjson, at most 10,000 at once (410 when some are in the log file only) · `GET /counts` · `PUT /receipts/targets` where
 * receipts go · `POST /receipts/rules` one rule of receipts or a list · `DELETE /receipts/rules` forgets them ·
 * `GET /receipts` those that were posted · `POST /inbound` `{from, body}`: a person sends a text.
 */
export function serveControl({ script, log, receipts }: { script: Script; log: RequestLog; receipts: Receipts }) {
  return (exchange: Exchange): void => {
    const [path, query = ''] = exchange.path.split('?')
    const told = (take: (said: unknown) => void) => exchange.reply(taken(exchange.body, take))
    switch (`${exchange.method} ${path}`) {
      case 'POST /script':
        return told(said =>
          listOf(said)
            .map(parseRule)
            .forEach(rule => script.set(rule)),
        )
      case 'DELETE /script':
        return told(() => script.clear())
      case 'PUT /receipts/targets':
        return told(said => receipts.pointTo(said as ReceiptTargets))
      case 'POST /receipts/rules':
        return told(said =>
          listOf(said)
            .map(parseReceiptRule)
            .forEach(rule => receipts.set(rule)),
        )
      case 'DELETE /receipts/rules':
        return told(() => receipts.clear())
      case 'GET /receipts':
        return exchange.reply(json(200, receipts.posted()))
      case 'POST /inbound':
        return told(said => void receipts.inbound(said as { from: string; body: string }))
      case 'GET /counts':
        return exchange.reply(json(200, log.counts()))
      case 'GET /log':
        return exchange.reply(lines(log, new URLSearchParams(query).get('after')))
      default:
        return exchange.reply(
          json(404, {
            error: 'there are /script, /log, /counts, /receipts, /receipts/targets, /receipts/rules, /inbound',
          }),
        )
    }
  }
}

function taken(body: Buffer, take: (said: unknown) => void): Reply {
  try {
    take(body.length === 0 ? undefined : JSON.parse(body.toString()))
    return { status: 204, body: '' }
  } catch (error) {
    return json(400, { error: (error as Error).message })
  }
}

const listOf = (said: unknown): unknown[] => (Array.isArray(said) ? said : [said])

const answerNames: Record<ProviderName, readonly string[]> = {
  fcm: [...commonAnswers, ...Object.keys(fcmAnswers)],
  apns: [...commonAnswers, ...Object.keys(apnsAnswers)],
  sendgrid: [...commonAnswers, ...Object.keys(sendgridAnswers)],
  twilio: [...commonAnswers, ...Object.keys(twilioAnswers)],
  webpush: [...commonAnswers, ...Object.keys(webPushAnswers)],
}

/** A rule from another process. Throws an error that says what is wrong with it. */
export function parseRule(said: unknown): Rule {
  if (typeof said !== 'object' || said === null) throw new Error('a rule is an object {provider, answer, …}')
  const { provider, address, answer, reply, ...numbers } = said as Record<string, unknown>
  if (typeof provider !== 'string' || !Object.hasOwn(answerNames, provider))
    throw new Error(`provider must be one of ${Object.keys(answerNames).join(', ')}`)
  const names = answerNames[provider as ProviderName]
  if (typeof answer !== 'string' || !names.includes(answer))
    throw new Error(`answer of ${provider} must be one of ${names.join(', ')}`)
  if (address !== undefined && typeof address !== 'string') throw new Error('address must be text')
  if ((reply !== undefined) !== (answer === 'reply')) throw new Error('reply belongs to the answer of that name')
  if (reply !== undefined && !isReply(reply)) throw new Error('reply must be {status, headers, body}')
  for (const [name, value] of Object.entries(numbers)) {
    if (!['times', 'ms', 'retryAfterSeconds', 'fromMs', 'forMs'].includes(name))
      throw new Error(`a rule has no field ${name}`)
    if (typeof value !== 'number' || !(value >= (name === 'times' ? 1 : 0))) throw new Error(`${name} must be a number`)
  }
  return said as Rule
}

function isReply(said: unknown): said is Reply {
  const { status, body, headers = {} } = (said ?? {}) as Record<string, unknown>
  const worded = typeof headers === 'object' && Object.values(headers ?? []).every(value => typeof value === 'string')
  return Number.isInteger(status) && typeof body === 'string' && worded
}

const linesMax = 10_000

function lines(log: RequestLog, after: string | null): Reply {
  try {
    const found = log.entries(after === null ? undefined : Number(after)).slice(0, linesMax)
    return {
      status: 200,
      headers: { 'content-type': 'application/x-ndjson' },
      body: found.map(entry => `${JSON.stringify(entry)}\n`).join(''),
    }
  } catch (error) {
    return json(410, { error: (error as Error).message })
  }
}

const json = (status: number, body: object): Reply => ({
  status,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
})
