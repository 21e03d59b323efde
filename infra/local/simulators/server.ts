import { once } from 'node:events'
import http from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'
import type { AddressInfo, Server } from 'node:net'
import type { LocalCredentials } from '#local/credentials.ts'
import { serveApns } from './apns.ts'
import { serveControl } from './control.ts'
import { readHttp1, readHttp2 } from './exchange.ts'
import type { Exchange, TcpSockets } from './exchange.ts'
import { serveFcm } from './fcm.ts'
import { createReceipts, type Receipts } from './receipts.ts'
import { openRequestLog } from './request-log.ts'
import type { RequestLog } from './request-log.ts'
import { createScript } from './script.ts'
import type { Script } from './script.ts'
import { serveSendgrid } from './sendgrid.ts'
import { serveTwilio } from './twilio.ts'
import { serveWebPush } from './web-push.ts'

/** `google` speaks for FCM and the OAuth endpoint (TLS), `apns` and its sandbox TLS, `webpush` HTTP/1.1 by TLS, the others plain. */
export type SimulatorPorts = Record<
  'google' | 'apns' | 'apnsSandbox' | 'sendgrid' | 'twilio' | 'webpush' | 'control',
  number
>

export type Simulators = AsyncDisposable & {
  ports: SimulatorPorts
  script: Script
  log: RequestLog
  /** What Twilio and SendGrid report of what they took; nothing until it is pointed to somewhere. */
  receipts: Receipts
}

const loopback = '127.0.0.1'
const keepRequestsDefault = 50_000
const bodyBytesMax = {
  ...{ fcm: 1_000_000, apns: 64_000, sendgrid: 30_000_000, twilio: 64_000, webpush: 64_000 },
  control: 1_000_000,
}
const streamsMax = { fcm: 100, apns: 1000 }
/** Longer than any client keeps a connection, so that a request never meets one that is being closed. */
const keepAliveMs = 10 * 60_000

/**
 * Starts FCM, APNs, SendGrid, Twilio and a push service of browsers on loopback, and the endpoint that commands them. Requests are answered as the
 * script says, else accepted at once, and every one is logged: counted, the last `keepRequests` (default 50,000; 0 =
 * count only) kept in memory, and appended to `logFile`. Ports are free ones unless given. Disposing cuts connections.
 */
export async function startSimulators(options: {
  credentials: LocalCredentials
  logFile?: string
  keepRequests?: number
  ports?: Partial<SimulatorPorts>
}): Promise<Simulators> {
  const { credentials, logFile, keepRequests = keepRequestsDefault, ports = {} } = options
  await using opened = new AsyncDisposableStack()
  const log = opened.use(await openRequestLog({ file: logFile, keep: keepRequests }))
  const script = createScript()
  const receipts = opened.use(createReceipts(credentials))
  const deps = { credentials, script, log, receipts }
  const listen = async ({ server, cut }: Listener, port = 0) => {
    server.listen(port, loopback)
    await once(server, 'listening')
    opened.defer(async () => {
      const closed = once(server, 'close')
      server.close()
      cut()
      await closed
    })
    return (server.address() as AddressInfo).port
  }
  const started = {
    google: await listen(googleServer(credentials, serveFcm(deps)), ports.google),
    apns: await listen(apnsServer(credentials, serveApns({ ...deps, sandbox: false })), ports.apns),
    apnsSandbox: await listen(apnsServer(credentials, serveApns({ ...deps, sandbox: true })), ports.apnsSandbox),
    sendgrid: await listen(http1Server(bodyBytesMax.sendgrid, serveSendgrid(deps)), ports.sendgrid),
    twilio: await listen(http1Server(bodyBytesMax.twilio, serveTwilio(deps)), ports.twilio),
    webpush: await listen(webPushServer(credentials, serveWebPush(deps)), ports.webpush),
    control: await listen(http1Server(bodyBytesMax.control, serveControl(deps)), ports.control),
  }
  const running = opened.move()
  return { ports: started, script, log, receipts, [Symbol.asyncDispose]: () => running.disposeAsync() }
}

type Serve = (exchange: Exchange) => void
type Listener = { server: Server; cut: () => void }

function http1Server(bytesMax: number, serve: Serve): Listener {
  const server = http.createServer({ keepAliveTimeout: keepAliveMs }, (request, response) =>
    readHttp1({ request, response }, { bodyBytesMax: bytesMax }, serve),
  )
  return { server, cut: () => server.closeAllConnections() }
}

/** FCM takes sends by HTTP/2 and, like the token endpoint, by HTTP/1.1. */
function googleServer({ server: { certificate, key } }: LocalCredentials, serve: Serve): Listener {
  const settings = { maxConcurrentStreams: streamsMax.fcm }
  const server = http2.createSecureServer({ cert: certificate, key, allowHTTP1: true, settings })
  server.on('request', (request, response) => {
    const http1 = { request: request as unknown as http.IncomingMessage, response: response as never }
    readHttp1(http1, { bodyBytesMax: bodyBytesMax.fcm }, serve)
  })
  // Listening to 'request' wraps every HTTP/2 stream into request and response objects, which we do without.
  server.removeAllListeners('stream')
  return http2Listener(server, { bodyBytesMax: bodyBytesMax.fcm }, serve)
}

function webPushServer({ server: { certificate, key } }: LocalCredentials, serve: Serve): Listener {
  const sockets: TcpSockets = new Map()
  const server = https.createServer({ cert: certificate, key, keepAliveTimeout: keepAliveMs }, (request, response) =>
    readHttp1({ request, response, sockets }, { bodyBytesMax: bodyBytesMax.webpush }, serve),
  )
  keepSockets(server, sockets)
  return { server, cut: () => sockets.forEach(socket => socket.destroy()) }
}

function apnsServer({ server: { certificate, key } }: LocalCredentials, serve: Serve): Listener {
  const settings = { maxConcurrentStreams: streamsMax.apns }
  const server = http2.createSecureServer({ cert: certificate, key, settings })
  return http2Listener(server, { bodyBytesMax: bodyBytesMax.apns }, serve)
}

function http2Listener(server: http2.Http2SecureServer, limits: { bodyBytesMax: number }, serve: Serve): Listener {
  const sockets: TcpSockets = new Map()
  keepSockets(server, sockets)
  server.on('stream', (stream, headers) =>
    readHttp2({ stream: stream as http2.ServerHttp2Stream, headers, sockets }, limits, serve),
  )
  // A client that breaks off, or does not trust our certificate, is its own matter.
  server.on('sessionError', () => {})
  return { server, cut: () => sockets.forEach(socket => socket.destroy()) }
}

function keepSockets(server: Server, sockets: TcpSockets): void {
  server.on('connection', socket => {
    const port = socket.remotePort!
    sockets.set(port, socket)
    socket.once('close', () => sockets.delete(port))
  })
}
