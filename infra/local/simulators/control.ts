import { commonAnswers } from './answers.ts'
import type { ProviderName } from './answers.ts'
import { apnsAnswers } from './apns.ts'
import type { Exchange, Reply } from './exchange.ts'
import { fcmAnswers } from './fcm.ts'
import type { RequestLog } from './request-log.ts'
import type { Rule, Script } from './script.ts'
import { sendgridAnswers } from './sendgrid.ts'
import { twilioAnswers } from './twilio.ts'

/**
 * Commands the simulators from another process, over HTTP on loopback:
 * `POST /script` one rule or a list of them · `DELETE /script` forgets them · `GET /log?after=seq` the kept lines as
 * ndjson, at most 10,000 at once (410 when some are in the log file only) · `GET /counts`.
 */
export function serveControl({ script, log }: { script: Script; log: RequestLog }) {
  return (exchange: Exchange): void => {
    const [path, query = ''] = exchange.path.split('?')
    switch (`${exchange.method} ${path}`) {
      case 'POST /script':
        return exchange.reply(setRules(script, exchange.body))
      case 'DELETE /script':
        script.clear()
        return exchange.reply({ status: 204, body: '' })
      case 'GET /counts':
        return exchange.reply(json(200, log.counts()))
      case 'GET /log':
        return exchange.reply(lines(log, new URLSearchParams(query).get('after')))
      default:
        return exchange.reply(json(404, { error: 'there are POST /script, DELETE /script, GET /log, GET /counts' }))
    }
  }
}

function setRules(script: Script, body: Buffer): Reply {
  try {
    const said: unknown = JSON.parse(body.toString())
    for (const rule of (Array.isArray(said) ? said : [said]).map(parseRule)) script.set(rule)
    return { status: 204, body: '' }
  } catch (error) {
    return json(400, { error: (error as Error).message })
  }
}

const answerNames: Record<ProviderName, readonly string[]> = {
  fcm: [...commonAnswers, ...Object.keys(fcmAnswers)],
  apns: [...commonAnswers, ...Object.keys(apnsAnswers)],
  sendgrid: [...commonAnswers, ...Object.keys(sendgridAnswers)],
  twilio: [...commonAnswers, ...Object.keys(twilioAnswers)],
}

/** A rule from another process. Throws an error that says what is wrong with it. */
export function parseRule(said: unknown): Rule {
  if (typeof said !== 'object' || said === null) throw new Error('a rule is an object {provider, answer, …}')
  const { provider, address, answer, ...numbers } = said as Record<string, unknown>
  if (typeof provider !== 'string' || !Object.hasOwn(answerNames, provider))
    throw new Error(`provider must be one of ${Object.keys(answerNames).join(', ')}`)
  const names = answerNames[provider as ProviderName]
  if (typeof answer !== 'string' || !names.includes(answer))
    throw new Error(`answer of ${provider} must be one of ${names.join(', ')}`)
  if (address !== undefined && typeof address !== 'string') throw new Error('address must be text')
  for (const [name, value] of Object.entries(numbers)) {
    if (!['times', 'ms', 'retryAfterSeconds'].includes(name)) throw new Error(`a rule has no field ${name}`)
    if (typeof value !== 'number' || !(value >= (name === 'times' ? 1 : 0))) throw new Error(`${name} must be a number`)
  }
  return said as Rule
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
