import type { Call } from '#browser/access.ts'

export type StreamEvent = { id?: string; event?: string; data?: string; retry?: string }

/** A server that says nothing for so long is gone, though nobody told us. */
const silenceMs = 40_000

/**
 * Reads Server-Sent Events after an id until they end; `opened` is called when the server has agreed to send them. By `fetch`, because an `EventSource` cannot say who asks. Throws a
 * `CarillonError`, or whatever `signal` was aborted with.
 */
export async function* readStream(
  call: Call,
  { path, after, signal, opened }: { path: string; after: number; signal: AbortSignal; opened: () => void },
): AsyncGenerator<StreamEvent> {
  const silence = new AbortController()
  let timer = setTimeout(() => silence.abort(), silenceMs)
  try {
    const response = await call(path, {
      headers: { 'last-event-id': String(after) },
      signal: AbortSignal.any([signal, silence.signal]),
    })
    opened()
    let rest = ''
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      clearTimeout(timer)
      timer = setTimeout(() => silence.abort(), silenceMs)
      const blocks = (rest + value).split('\n\n')
      rest = blocks.pop()!
      for (const block of blocks) {
        const event = eventOf(block)
        if (event) yield event
      }
    }
  } finally {
    clearTimeout(timer)
    silence.abort()
  }
}

/** The fields of one event; of a comment nothing. */
function eventOf(block: string): StreamEvent | undefined {
  const fields = block.split('\n').flatMap(line => {
    const at = line.indexOf(': ')
    return at > 0 ? [[line.slice(0, at), line.slice(at + 2)]] : []
  })
  return fields.length === 0 ? undefined : (Object.fromEntries(fields) as StreamEvent)
}
