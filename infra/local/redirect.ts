import { readFileSync } from 'node:fs'
import http2 from 'node:http2'
import https from 'node:https'
import tls from 'node:tls'

/** What firebase-admin connects to: sending, and the OAuth token that a send needs. */
const googleHosts = new Set(['fcm.googleapis.com', 'oauth2.googleapis.com'])
const loopback = '127.0.0.1'
/** Node's own, whoever redirected them before. */
const own = { connect: http2.connect, request: https.request }

/**
 * Sends this process's Google connections (HTTP/2 and HTTPS) to a simulator on this machine, for client libraries whose
 * host names are fixed. Takes the simulator's port and the file of the authority that signed its certificate; gives the
 * function that undoes it. TLS stays on: the certificate is checked against that authority alone and for the original
 * host name. There is no other target than loopback. Call it before the first connection; the libraries may be loaded
 * already. It holds for the whole process, the last one if there are several: real Google services that need an OAuth
 * token do not work beside it.
 */
export function redirectGoogleApis({ port, caFile }: { port: number; caFile: string }): () => void {
  if (!Number.isInteger(port) || port < 1 || port > 65535)
    throw new Error(`redirect: ${port} is not a port of this machine (1-65535); other hosts are not allowed`)
  const ca = readFileSync(caFile)
  // Connections are kept like those of Node's own agent.
  const agent = new https.Agent({ host: loopback, port, ca, rejectUnauthorized: true, keepAlive: true })
  const undoHttp2 = redirectHttp2({ port, ca })
  const undoHttps = redirectHttps(agent)
  return () => {
    undoHttp2()
    undoHttps()
    agent.destroy()
  }
}

function redirectHttp2({ port, ca }: { port: number; ca: Buffer }): () => void {
  const connect = http2.connect
  const redirected = (authority: string | URL, options?: http2.SecureClientSessionOptions, listener?: () => void) => {
    const { hostname } = new URL(authority)
    if (!googleHosts.has(hostname)) return connect(authority, options, listener)
    const socket = () =>
      tls.connect({ host: loopback, port, ca, servername: hostname, ALPNProtocols: ['h2'], rejectUnauthorized: true })
    return correctScheme(own.connect(authority, { ...options, createConnection: socket }, listener))
  }
  http2.connect = redirected as typeof http2.connect
  return () => void (http2.connect = connect)
}

/** firebase-admin says `:scheme: https:`; Google's servers let the colon pass, Node's (nghttp2) answer PROTOCOL_ERROR. */
function correctScheme(session: http2.ClientHttp2Session): http2.ClientHttp2Session {
  const request = session.request.bind(session)
  session.request = (headers, options) => {
    const fields = headers as http2.OutgoingHttpHeaders | undefined
    if (fields?.[':scheme'] === 'https:') fields[':scheme'] = 'https'
    return request(headers, options)
  }
  return session
}

type RequestArguments = [url: string | URL | https.RequestOptions, options?: unknown, callback?: unknown]

/** An agent of our own, because its host and port win over the request's, and no proxy setting applies to it. */
function redirectHttps(agent: https.Agent): () => void {
  const request = https.request
  const redirected = (...[target, ...rest]: RequestArguments) => {
    const google = googleHosts.has(hostOf(target))
    const original = (google ? own.request : request) as (...args: unknown[]) => ReturnType<typeof request>
    if (!google) return original(target, ...rest)
    if (typeof target !== 'string' && !(target instanceof URL)) return original({ ...target, agent }, ...rest)
    const [options, callback] = typeof rest[0] === 'object' ? rest : [{}, rest[0]]
    return original(target, { ...(options as object), agent }, callback)
  }
  const get = https.get
  https.request = redirected
  https.get = (...args: unknown[]) => redirected(...(args as RequestArguments)).end()
  return () => void Object.assign(https, { request, get })
}

const hostOf = (target: RequestArguments[0]): string =>
  typeof target === 'string' || target instanceof URL
    ? new URL(target).hostname
    : (target.hostname ?? target.host ?? 'localhost')
