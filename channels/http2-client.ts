import http2 from 'node:http2'

export type Request = { path: string; headers: Readonly<Record<string, string>>; body: string }
export type Response = { status: number; headers: Readonly<Record<string, unknown>>; body: string }
/**
 * `code`: `deadline`; `NOT_SENT` where its turn did not come before; `REFUSED_STREAM` where the server says that it has not looked at
 * it; else the connection's.
 */
export type NoResponse = { code: string }

/** What a server lets one connection carry at least, by custom (RFC 9113 §6.5.2). */
const streamsMax = 100
const connectionsMax = 8
const bodyCharsMax = 100_000

/**
 * POSTs over kept HTTP/2 connections, no more of them than are needed at once. `postAll` gives for each request, in their order,
 * what came back within `ms`, or why nothing did; it never rejects and never asks twice. What has no turn by `startUntilMs` (of
 * `performance.now()`) is not sent.
 */
export function http2Client(origin: string) {
  const connections = new Set<Connection>()
  const waiting: ((connection: Connection) => void)[] = []
  const open = (): Connection => {
    const session = http2.connect(origin)
    const opened = { session, streams: 0 }
    const forget = () => void connections.delete(opened)
    for (const end of ['goaway', 'close', 'error'] as const) session.on(end, forget)
    connections.add(opened)
    return opened
  }
  const free = () =>
    [...connections].find(({ session, streams }) => !session.closed && !session.destroyed && streams < streamsMax)
  const next = () => free() ?? (connections.size < connectionsMax ? open() : undefined)
  const wake = () => {
    const found = waiting.length > 0 && next()
    if (found) waiting.shift()!(found)
  }
  // One that has died silently answers nothing, and nobody says so: what it let a deadline pass for gets another.
  const suspect = (connection: Connection) => {
    connections.delete(connection)
    // One that never got through to anybody has nothing to end in order.
    if (connection.session.connecting) connection.session.destroy()
    else connection.session.close()
  }
  const post = (connection: Connection, request: Request): Posting => {
    connection.streams++
    const { response, cancel } = posted(connection.session, request)
    const ended = response.finally(() => {
      connection.streams--
      wake()
    })
    return {
      response: ended,
      cancel: () => {
        suspect(connection)
        cancel()
      },
    }
  }
  return {
    postAll: (requests: readonly Request[], ms: number, startUntilMs = Infinity): Promise<(Response | NoResponse)[]> =>
      inTurn(requests, {
        ...{ ms, startUntilMs, post, pass: wake },
        turn: () => next() ?? new Promise(resolve => waiting.push(resolve)),
      }),
    close: () => {
      for (const { session } of connections) session.destroy()
    },
  }
}

type Connection = { session: http2.ClientHttp2Session; streams: number }
type Posting = { response: Promise<Response | NoResponse>; cancel: () => void }
type Turns = {
  ms: number
  startUntilMs: number
  turn: () => Connection | Promise<Connection>
  post: (connection: Connection, request: Request) => Posting
  /** Gives a turn that came too late to whoever waits behind. */
  pass: () => void
}

async function inTurn(
  requests: readonly Request[],
  { ms, startUntilMs, turn, post, pass }: Turns,
): Promise<(Response | NoResponse)[]> {
  const found: (Response | NoResponse)[] = requests.map(() => ({ code: 'NOT_SENT' }))
  const running = new Map<number, Posting>()
  let over = false
  const ask = async (request: Request, at: number, connection: Connection) => {
    const posting = post(connection, request)
    running.set(at, posting)
    const response = await posting.response
    running.delete(at)
    if (!over) found[at] = response
  }
  const askAll = async () => {
    const asked: Promise<void>[] = []
    for (const [at, request] of requests.entries()) {
      const given = turn()
      const connection = given instanceof Promise ? await given : given
      if (over) return pass()
      if (performance.now() > startUntilMs) {
        pass()
        break
      }
      asked.push(ask(request, at, connection))
    }
    await Promise.all(asked)
  }
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>(resolve => (timer = setTimeout(resolve, Math.max(0, ms))))
  await Promise.race([askAll(), late])
  over = true
  clearTimeout(timer)
  for (const [at, posting] of running) {
    found[at] = { code: 'deadline' }
    posting.cancel()
  }
  return found
}

function posted(session: http2.ClientHttp2Session, { path, headers, body }: Request): Posting {
  const stream = session.request({ ':method': 'POST', ':path': path, ...headers })
  const response = new Promise<Response | NoResponse>(resolve => {
    let head: http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader
    let text = ''
    let whole = false
    let code = 'no answer'
    stream.setEncoding('utf8')
    stream.on('response', received => (head = received))
    stream.on('data', (part: string) => {
      text += part
      if (text.length > bodyCharsMax) stream.close(http2.constants.NGHTTP2_CANCEL)
    })
    stream.on('end', () => (whole = true))
    // That of the connection, where it is the connection's.
    stream.on('error', (error: NodeJS.ErrnoException) => (code = codeOf(error.cause) ?? codeOf(error) ?? code))
    stream.on('close', () => {
      const unread = stream.rstCode === http2.constants.NGHTTP2_REFUSED_STREAM
      if (whole && head && stream.rstCode === http2.constants.NGHTTP2_NO_ERROR)
        resolve({ status: head[':status'] ?? 0, headers: head, body: text })
      else resolve({ code: unread ? 'REFUSED_STREAM' : code })
    })
  })
  stream.end(body)
  return { response, cancel: () => stream.close(http2.constants.NGHTTP2_CANCEL) }
}

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException | undefined)?.code
