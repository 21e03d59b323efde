import { randomUUID } from 'node:crypto'
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import fastify, {
  type ConnectionError,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify'
import { withDeadline } from './deadline.ts'
import type { Log } from './log.ts'
import type { Metrics } from './metrics.ts'
import { invalidMessage, type ProblemBody, problem, ProblemError } from './http-problem.ts'

export { problem, summaryOf } from './http-problem.ts'
/** What a route sees; stages know HTTP by this file only. */
export type { FastifyInstance, FastifyReply, FastifyRequest, onRequestAsyncHookHandler } from 'fastify'

/** Longest time to receive a whole request, and to answer it. */
const requestLimitMs = 15_000
const handlerLimitMs = 30_000
const headersLimitMs = 10_000
/** A connection on which nothing moves is closed; longer than the idle time of common load balancers (60 s). */
const idleLimitMs = 75_000
const readinessLimitMs = 5_000
const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const
/** A name has 200 characters, each up to nine in a path. */
const paramLengthMax = 1_800

/**
 * An HTTP server, not listening yet. Every error is `application/problem+json` (RFC 9457): invalid input with all its
 * problems, a method that a path does not take (405) with those that it does, an unexpected error (500) with nothing but an id that is in
 * the log. JSON bodies up to `bodyLimitBytes`.
 * Values are not coerced, unknown fields are not removed: a route's schema says what it takes. `proxies`: so many of ours stand in
 * front, each of which adds to X-Forwarded-For whom it was asked by; without any the header is not looked at.
 */
export function createHttp(options: {
  log: Log
  metrics: Metrics
  bodyLimitBytes: number
  proxies?: number | undefined
}): FastifyInstance {
  const { log, metrics, bodyLimitBytes, proxies = 0 } = options
  const answer = (error: unknown, request: FastifyRequest, reply: FastifyReply) =>
    sendProblem(reply, problemOf(error, request, log))
  const app: FastifyInstance = fastify({
    bodyLimit: bodyLimitBytes,
    trustProxy: proxies > 0 && ((_address, hop) => hop < proxies),
    routerOptions: { maxParamLength: paramLengthMax },
    requestTimeout: requestLimitMs,
    handlerTimeout: handlerLimitMs,
    connectionTimeout: idleLimitMs,
    keepAliveTimeout: idleLimitMs,
    http: { headersTimeout: headersLimitMs },
    genReqId: () => randomUUID(),
    ajv: { customOptions: { allErrors: true, coerceTypes: false, removeAdditional: false } },
    frameworkErrors: answer,
    clientErrorHandler: refuseConnection,
  })
  // Bodies are JSON; a route that takes another type adds its parser.
  app.removeContentTypeParser('text/plain')
  app.setErrorHandler(answer)
  app.setNotFoundHandler((request, reply) => sendProblem(reply, unserved(app, request)))
  app.addHook('onRequest', async (_request, reply) => {
    // Answers are about people, and paths may carry tokens.
    reply.headers({
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
    })
  })
  app.addHook('onResponse', async ({ method, routeOptions }, { statusCode, elapsedTime }) => {
    const labels = { method, route: routeOptions.url ?? 'none', status: String(statusCode) }
    metrics.observe('http_seconds', labels, elapsedTime / 1_000)
  })
  return app
}

/**
 * `/healthz` (the process runs), `/readyz` (503 with the reasons why it should get no work, from `readiness`, which has
 * 5 s) and `/metrics` (Prometheus text).
 */
export function serveOperations(
  app: FastifyInstance,
  { metrics, readiness }: { metrics: Metrics; readiness: () => Promise<string[]> },
): void {
  app.get('/healthz', async () => ({ status: 'ok' }))
  app.get('/readyz', async () => {
    const reasons = await withDeadline(readiness(), { ms: readinessLimitMs, what: 'the readiness check' }).catch(
      (error: unknown) => [`the readiness check failed: ${error instanceof Error ? error.name : 'unknown error'}`],
    )
    if (reasons.length > 0)
      throw problem(503, { title: 'Not ready', errors: reasons.map(reason => ({ detail: reason })) })
    return { status: 'ready' }
  })
  app.get('/metrics', async (_request, reply) => {
    reply.type(metrics.contentType)
    return metrics.text()
  })
}

/** Listens; port 0 takes any free one. Gives the URL. */
export const listen = (app: FastifyInstance, { port, host }: { port: number; host: string }): Promise<string> =>
  app.listen({ port, host })

function problemOf(error: unknown, request: FastifyRequest, log: Log): ProblemError {
  if (error instanceof ProblemError) return error
  const { validation, validationContext, statusCode = 500, code = '', message } = error as Partial<FastifyError>
  if (validation) return invalidMessage(validation, validationContext ?? 'body')
  // The framework's own refusals; what they say of the request is meant for its sender.
  if (code.startsWith('FST_ERR_') && statusCode >= 400 && statusCode < 500)
    return problem(statusCode, { detail: adviceOf(code, request) ?? message })
  if (code === 'FST_ERR_HANDLER_TIMEOUT') return problem(503, { detail: 'the answer took too long: try again' })
  if (error instanceof SyntaxError && statusCode === 400) return problem(400, { detail: 'the body is not valid JSON' })
  const { id, method } = request
  log.error({ requestId: id, method, route: request.routeOptions.url, error }, 'a request failed')
  return problem(500, { instance: `urn:uuid:${id}`, detail: 'something went wrong here; the id finds it in the log' })
}

/** A 405 where the path takes other methods (RFC 9110, section 15.5.6), else a 404. */
function unserved(app: FastifyInstance, { method, url }: FastifyRequest): ProblemError {
  // Its type conceals that there may be none.
  const taken = methods.filter(one => (app.findRoute({ method: one, url }) as object | null) !== null)
  // OPTIONS is taken below whole paths, whether there is anything or not.
  if (taken.every(one => one === 'OPTIONS')) return problem(404, { detail: 'there is nothing at this path' })
  const allow = taken.join(', ')
  return problem(405, { detail: `there is no ${method} at this path: it takes ${allow}`, headers: { allow } })
}

/** What to do, where the framework says only what it did not like. */
function adviceOf(code: string, { routeOptions }: FastifyRequest): string | undefined {
  const advice: Record<string, string> = {
    FST_ERR_CTP_INVALID_MEDIA_TYPE: 'send the body as Content-Type: application/json',
    FST_ERR_CTP_EMPTY_JSON_BODY: 'the body is empty: send JSON',
    FST_ERR_CTP_BODY_TOO_LARGE: `the body is longer than ${routeOptions.bodyLimit} bytes: send less at once`,
  }
  return advice[code]
}

const sendProblem = (reply: FastifyReply, { body, headers }: ProblemError): FastifyReply =>
  reply.code(body.status).headers(headers).type('application/problem+json').send(JSON.stringify(body))

/** What never became a request: no HTTP, headers too large or too slow. */
function refuseConnection(error: ConnectionError, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return
  const status = { ERR_HTTP_REQUEST_TIMEOUT: 408, HPE_HEADER_OVERFLOW: 431 }[error.code] ?? 400
  const body: ProblemBody = problem(status, {}).body
  const text = JSON.stringify(body)
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'content-type: application/problem+json',
    `content-length: ${text.length}`,
    'connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${text}`)
}
