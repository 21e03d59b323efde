import { spawn } from 'node:child_process'
import { once } from 'node:events'
import http from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { freePort } from '#local/free-port.ts'
import type { LocalCredentials } from '#local/credentials.ts'

/** A reader between a client and a server: it tells what an OpenAPI description does not allow, and lets it pass. */
export type Prism = AsyncDisposable & {
  port: number
  /** The faults it found, each with the place in the message that has it. */
  faults(): string[]
  /** Requests that it has read. */
  read(): number
}

const startLimitMs = 120_000
const program = fileURLToPath(import.meta.resolve('@stoplight/prism-cli/dist/index.js'))

/** Starts Stoplight's Prism (https://docs.stoplight.io/docs/prism) as a proxy that judges requests and responses. */
export async function startPrism(options: { spec: string; upstream: string; caFile: string }): Promise<Prism> {
  const { spec, upstream, caFile } = options
  const port = await freePort()
  const args = ['proxy', '-h', '127.0.0.1', '-p', String(port), spec, upstream]
  const child = spawn(process.execPath, [program, ...args], {
    env: { PATH: process.env.PATH, NODE_EXTRA_CA_CERTS: caFile, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = once(child, 'close')
  const stop = async () => {
    child.kill('SIGKILL')
    await ended
  }
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => void (said += text))
  const until = performance.now() + startLimitMs
  while (!said.includes('Prism is listening')) {
    if (child.exitCode !== null || performance.now() > until) {
      await stop()
      throw new Error(`Prism did not start for ${path.basename(spec)}: ${said}`)
    }
    await Promise.race([ended, once(child.stdout, 'data', { signal: AbortSignal.timeout(startLimitMs) })])
  }
  const lines = (pattern: RegExp) => said.split('\n').filter(line => pattern.test(line))
  return {
    port,
    faults: () => lines(/Violation|✖/).map(line => line.replace(/^.*Violation: /, '')),
    read: () => lines(/The upstream call to \S+ has returned/).length,
    [Symbol.asyncDispose]: stop,
  }
}

/**
 * The library's names for some fields. Google takes them (https://protobuf.dev/programming-guides/json/#field-names: both
 * spellings); the description has the other ones.
 */
const snakeNames = /"(channel_id|notification_count)":/g
const camelName = (name: string) => name.replace(/_./, part => part[1]!.toUpperCase())

/**
 * FCM's client speaks HTTP/2 with TLS to one fixed host, and Prism plain HTTP/1.1: this server stands between. What is no
 * send (the token endpoint, which the description does not have) goes straight to the simulator.
 */
export async function startGoogleFront(options: {
  credentials: LocalCredentials
  prismPort: number
  simulatorPort: number
}): Promise<AsyncDisposable & { port: number }> {
  const { credentials, prismPort, simulatorPort } = options
  const { certificate, key } = credentials.server
  const server = http2.createSecureServer({ cert: certificate, key, allowHTTP1: true })
  server.on('request', (request, response) => {
    const headers = Object.fromEntries(
      Object.entries(request.headers).filter(([name]) => !/^:|^host$|^content-length$/.test(name)),
    )
    const target = { host: '127.0.0.1', path: request.url, method: request.method, headers }
    const onward = request.url.endsWith('/messages:send')
      ? http.request({ ...target, port: prismPort })
      : https.request({ ...target, port: simulatorPort, ca: credentials.ca, servername: 'localhost' })
    onward.on('error', () => response.stream?.destroy())
    onward.on('response', answer => {
      response.writeHead(answer.statusCode!, { 'content-type': answer.headers['content-type'] ?? 'text/plain' })
      answer.pipe(response)
    })
    void text(request).then(body => onward.end(body.replaceAll(snakeNames, camelName)))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const sessions = new Set<http2.ServerHttp2Session>()
  server.on('session', session => void sessions.add(session))
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close')
      server.close()
      for (const session of sessions) session.destroy()
      await closed
    },
  }
}
