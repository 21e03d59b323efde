import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import http2 from 'node:http2'
import type { IncomingHttpHeaders as Http2Headers, ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import type { Readable, Writable } from 'node:stream'

/** One request whose body has arrived, and the ways to end it; the same for HTTP/1.1 and HTTP/2. */
export type Exchange = {
  method: string
  /** Path with query. */
  path: string
  headers: IncomingHttpHeaders | Http2Headers
  /** Whole body; only the part that had arrived when `tooLarge`. */
  body: Buffer
  tooLarge: boolean
  reply(reply: Reply): void
  /** Sends the head and half of the body; gives what sends the rest. */
  begin(reply: Reply): () => void
  /** Ends the TCP connection with RST: on HTTP/2 all requests of the connection lose their answers, as on a real one. */
  reset(): void
  /** HTTP/2: GOAWAY with an error, naming this stream as the last one processed, or the one before. HTTP/1.1 has only the reset. */
  goAway(processed: boolean): void
}
export type Reply = { status: number; headers?: Record<string, string>; body: string }

/** The TCP sockets of a TLS server by the client's port, because only they can be reset. */
export type TcpSockets = Map<number, Socket>

type Limits = { bodyBytesMax: number }

/** Reads an HTTP/2 request to its end, then calls `serve` once. A request that the client gives up is never served. */
export function readHttp2(
  { stream, headers, sockets }: { stream: ServerHttp2Stream; headers: Http2Headers; sockets: TcpSockets },
  { bodyBytesMax }: Limits,
  serve: (exchange: Exchange) => void,
): void {
  const reset = () => {
    const { session } = stream
    if (session !== undefined && !session.destroyed) cutOff(sockets.get(session.socket.remotePort ?? 0))
  }
  // A client that goes away is not a fault of the simulator.
  stream.on('error', () => {})
  readBody(stream, bodyBytesMax, (body, tooLarge) =>
    serve({
      method: headers[':method'] ?? '',
      path: headers[':path'] ?? '',
      headers,
      body,
      tooLarge,
      reset,
      reply: ({ status, headers, body }) => {
        if (stream.destroyed || stream.closed) return
        stream.respond({ ':status': status, ...headers }, { endStream: body === '' })
        if (body !== '') stream.end(body)
      },
      begin: ({ status, headers, body }) => {
        if (stream.destroyed || stream.closed) return () => {}
        stream.respond({ ':status': status, ...headers })
        return halves(stream, body)
      },
      goAway: processed => {
        const session = stream.session
        // A client's streams have odd numbers. Node cannot name none: for a connection's first stream it names that one.
        session?.goaway(http2.constants.NGHTTP2_ENHANCE_YOUR_CALM, processed ? stream.id! : stream.id! - 2)
        session?.close()
      },
    }),
  )
}

/** The same for HTTP/1.1; over TLS with `sockets`. */
export function readHttp1(
  { request, response, sockets }: { request: IncomingMessage; response: ServerResponse; sockets?: TcpSockets },
  { bodyBytesMax }: Limits,
  serve: (exchange: Exchange) => void,
): void {
  const reset = () => cutOff(sockets ? sockets.get(request.socket.remotePort ?? 0) : request.socket)
  request.on('error', () => {})
  response.on('error', () => {})
  readBody(request, bodyBytesMax, (body, tooLarge) =>
    serve({
      method: request.method ?? '',
      path: request.url ?? '',
      headers: request.headers,
      body,
      tooLarge,
      reset,
      reply: ({ status, headers, body }) => {
        if (response.destroyed) return
        // The rest of a body that is too large is not read, so the connection cannot be used again.
        response.writeHead(status, {
          ...headers,
          'content-length': Buffer.byteLength(body),
          ...(tooLarge ? { connection: 'close' } : {}),
        })
        response.end(body)
      },
      begin: ({ status, headers, body }) => {
        if (response.destroyed) return () => {}
        // Without a length the body comes in chunks, so that even an empty one has an end to wait for.
        response.writeHead(status, headers)
        response.flushHeaders()
        return halves(response, body)
      },
      goAway: reset,
    }),
  )
}

function halves(to: Writable, body: string): () => void {
  const middle = Math.floor(body.length / 2)
  if (middle > 0) to.write(body.slice(0, middle))
  return () => void (to.destroyed || to.end(body.slice(middle)))
}

/**
 * Resets a TCP connection. `resetAndDestroy` says FIN first, and a client that reads it before the RST sees an orderly
 * end; destroying with the flag that it sets sends the RST alone.
 */
function cutOff(socket: Socket | undefined): void {
  if (socket !== undefined && !socket.destroyed) Object.assign(socket, { resetAndClosing: true }).destroy()
}

function readBody(source: Readable, bytesMax: number, done: (body: Buffer, tooLarge: boolean) => void): void {
  const chunks: Buffer[] = []
  let bytes = 0
  let ended = false
  const end = (tooLarge: boolean) => {
    if (ended) return
    ended = true
    done(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks), tooLarge)
  }
  source.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes <= bytesMax) {
      chunks.push(chunk)
      return
    }
    source.pause()
    end(true)
  })
  source.on('end', () => end(false))
}
