import { readFileSync } from 'node:fs'
import http2 from 'node:http2'
import https from 'node:https'
import tls from 'node:tls'

/** What firebase-admin connects to: sending, and the OAuth token that a send needs. */
const googleHosts = new Set(['fcm.googleapis.com', 'oauth2.googleapis.com'])
const loopback = '127.0.0.1'

type Target = { port: number; ca: Buffer; agent: https.Agent }
/** The last one holds. */
const targets: Target[] = []

/**
 * Sends this process's Google connections (HTTP/2 and HTTPS) to a simulator on this machine, for client libraries whose
 * host names are fixed. Takes the simulator's port and the file of the authority that signed its certificate; gives the
 * function that undoes it, whatever others there are. TLS stays on: the certificate is checked against that authority alone
 * and for the original host name. There is no other target than loopback. Call it before the first connection; the libraries
 * may be loaded already. It holds for the whole process, the last one if there are several: real Google services that need
 * an OAuth token do not work beside it.
 */
export function redirectGoogleApis({ port, caFile }: { port: number; caFile: string }): () => void {
  if (!Number.isInteger(port) || port < 1 || port > 65535)
    throw new Error(`redirect: ${port} is not a port of this machine (1-65535); other hosts are not allowed`)
  const ca = readFileSync(caFile)
  // Connections are kept like those of Node's own agent.
  const agent = new https.Agent({ host: loopback, port, ca, rejectUnauthorized: true, keepAlive: true })
  const target = { port, ca, agent }
  if (targets.push(target) === 1) undoAll = redirectAll()
  return () => {
    const at = targets.indexOf(target)
    if (at < 0) return
    targets.splice(at, 1)
    agent.destroy()
    if (targets.length === 0) undoAll()
  }
}

let undoAll = () => {}

function redirectAll(): () => void {
  const undoHttp2 = redirectHttp2()
  const undoHttps = redirectHttps()
  return () => {
    undoHttp2()
    undoHttps()
  }
}

function redirectHttp2(): () => void {
  const connect = http2.connect
  const redirected = (authority: string | URL, options?: http2.SecureClientSessionOptions, listener?: () => void) => {
    const { hostname } = new URL(authority)
    if (!googleHosts.has(hostname)) return connect(authority, options, listener)
    const { port, ca } = targets.at(-1)!
    const socket = () =>
      tls.connect({ host: loopback, port, ca, servername: hostname, ALPNProtocols: ['h2'], rejectUnauthorized: true })
    return correctScheme(connect(authority, { ...options, createConnection: socket }, listener))
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

/** By an agent of our own, because its host and port win over the request's, and no proxy setting applies to it. */
function redirectHttps(): () => void {
  const request = https.request
  const redirected = (...[target, ...rest]: RequestArguments) => {
    const original = request as (...args: unknown[]) => ReturnType<typeof request>
    if (!googleHosts.has(hostOf(target))) return original(target, ...rest)
    const { agent } = targets.at(-1)!
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
