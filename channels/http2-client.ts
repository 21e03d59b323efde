import http2 from 'node:http2'

export type Request = { path: string; headers: Readonly<Record<string, string>>; body: string }
export type Response = { status: number; headers: Readonly<Record<string, unknown>>; body: string }
/** `code`: `deadline`; `REFUSED_STREAM` where the server says that it has not looked at it; else the connection's. */
export type NoResponse = { code: string }

/** What a server lets one connection carry at least, by custom (RFC 9113 §6.5.2). What is beyond waits here. */
const streamsMax = 100
const bodyCharsMax = 100_000

/**
 * POSTs over one HTTP/2 connection, which is opened with the first and again when it was lost. `postAll` gives for each request, in
 * their order, what came back within `ms`, or why nothing did; it never rejects and never asks twice.
 */
export function http2Client(origin: string) {
  let session: http2.ClientHttp2Session | undefined
  const open = (): http2.ClientHttp2Session => {
    const opened = http2.connect(origin)
    const forget = () => void (session = session === opened ? undefined : session)
    for (const end of ['goaway', 'close', 'error'] as const) opened.on(end, forget)
    return opened
  }
  return {
    postAll: (requests: readonly Request[], ms: number): Promise<(Response | NoResponse)[]> =>
      inTurn(requests, { ms, post: request => posted((session ??= open()), request) }),
    close: () => session?.destroy(),
  }
}

type Posting = { response: Promise<Response | NoResponse>; cancel: () => void }

async function inTurn(
  requests: readonly Request[],
  { ms, post }: { ms: number; post: (request: Request) => Posting },
): Promise<(Response | NoResponse)[]> {
  const found: (Response | NoResponse)[] = requests.map(() => ({ code: 'deadline' }))
  const running = new Set<Posting>()
  let next = 0
  let over = false
  const work = async () => {
    while (next < requests.length && !over) {
      const at = next++
      const posting = post(requests[at]!)
      running.add(posting)
      const response = await posting.response
      running.delete(posting)
      if (!over) found[at] = response
    }
  }
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>(resolve => (timer = setTimeout(resolve, Math.max(0, ms))))
  const all = Promise.all(Array.from({ length: Math.min(streamsMax, requests.length) }, work))
  await Promise.race([all, late])
  over = true
  clearTimeout(timer)
  for (const posting of running) posting.cancel()
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
