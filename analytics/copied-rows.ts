import type { Readable } from 'node:stream'
import type { EpochMs } from '#contracts/ids.ts'

/**
 * Rows in PostgreSQL's binary COPY format, as they come: `tell` hears of each where its fields begin and how long they are
 * (−1: null) in bytes that are good until it returns. When it throws, the rest is read and dropped before that is thrown on: a COPY that
 * is left in the middle holds its connection. The counterpart of `binary-rows.ts`.
 */
export async function eachCopiedRow(
  stream: Readable,
  fields: number,
  tell: (bytes: Buffer, starts: Int32Array, lengths: Int32Array) => void,
): Promise<void> {
  const take = rowReader(fields, tell)
  const failed: unknown[] = []
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      if (failed.length > 0) continue
      try {
        take(chunk)
      } catch (error) {
        failed.push(error)
      }
    }
  } catch (error) {
    failed.push(error)
  }
  if (failed.length > 0) throw failed[0]
}

const epochMs = Date.UTC(2000, 0, 1)
/** A timestamptz, microseconds since 2000, in ms. */
export const timestampAt = (bytes: Buffer, at: number): EpochMs =>
  Math.round((bytes.readInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4)) / 1000) + epochMs

const headBytes = 19

function rowReader(fields: number, tell: Parameters<typeof eachCopiedRow>[2]): (chunk: Buffer) => void {
  const [starts, lengths] = [new Int32Array(fields), new Int32Array(fields)]
  let chunks: Buffer[] = []
  let held = 0
  let wanted = headBytes
  let hasHead = false
  return chunk => {
    chunks.push(chunk)
    held += chunk.length
    // A field may be long: it is put together once, when all of it is there.
    if (held < wanted) return
    const bytes = chunks.length === 1 ? chunk : Buffer.concat(chunks)
    let at = hasHead ? 0 : headBytes
    hasHead = true
    for (;;) {
      const end = rowEnd(bytes, at, { starts, lengths })
      if (end > bytes.length || end === at) {
        wanted = end - at
        break
      }
      tell(bytes, starts, lengths)
      at = end
    }
    chunks = at < bytes.length ? [bytes.subarray(at)] : []
    held = bytes.length - at
  }
}

/** Where the row that begins here ends, as far as that is known: at least so many bytes are needed. The trailer ends where it begins. */
function rowEnd(bytes: Buffer, from: number, { starts, lengths }: { starts: Int32Array; lengths: Int32Array }): number {
  let at = from + 2
  if (at > bytes.length) return at
  if (bytes.readInt16BE(from) === -1) return from
  for (let field = 0; field < starts.length; field++) {
    if (at + 4 > bytes.length) return at + 4
    // By hand: what checks its place takes several times as long, for each field of each row.
    const length = (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
    starts[field] = at + 4
    lengths[field] = length
    at += 4 + Math.max(0, length)
  }
  return at
}
