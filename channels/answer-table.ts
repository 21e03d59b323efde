import type { Answer } from '#contracts/outcome.ts'
import type { SendOptions } from './provider.ts'

/** What one code of a provider means. The code itself becomes the answer's reason. */
export type Row =
  /** `atLeast`: also where the provider names a shorter time. */
  | { kind: 'retry'; afterMs: number; atLeast?: true; maybeSent?: true; ofSome?: true }
  | { kind: 'pause'; afterMs: number; ofSome?: true; uncalled?: true }
  | { kind: 'config'; ofSome?: true; uncalled?: true }
  | { kind: 'messageDead'; uncalled?: true }
  | { kind: 'addressDead' | 'suppress' | 'doubt' }
/** Every code that a provider may answer a send with. Each provider's file of answers holds one. */
export type AnswerTable = Readonly<Record<string, Row>>

/** What the provider said beside the code: when to come back, since when an address is dead. */
export type Said = { afterMs?: number | undefined; asOf?: number | undefined }

/**
 * The answer to a code. One that the table does not have goes by its HTTP status: what the client did wrong cannot be
 * mended by trying again, for anything else nobody knows whether it was sent.
 */
export function answerTo(
  { code, status }: { code?: string | undefined; status?: number | undefined },
  table: AnswerTable,
  said: Said = {},
): Answer {
  const known = [code, `HTTP ${status}`].find(key => key !== undefined && Object.hasOwn(table, key))
  if (known !== undefined) return answerOf(table[known]!, known, said)
  const reason = status === undefined ? 'no answer' : `HTTP ${status}`
  const refused = status !== undefined && status >= 400 && status < 500 && status !== 408
  return { kind: refused ? 'messageDead' : 'doubt', reason }
}

function answerOf(row: Row, reason: string, { afterMs = 0, asOf }: Said): Answer {
  switch (row.kind) {
    case 'retry': {
      const { atLeast, ...retry } = row
      return { ...retry, reason, afterMs: afterMs > (atLeast ? row.afterMs : 0) ? afterMs : row.afterMs }
    }
    case 'pause':
      return { ...row, reason, afterMs: afterMs > 0 ? afterMs : row.afterMs }
    case 'addressDead':
      return { kind: 'addressDead', reason, ...(asOf !== undefined && { asOf }) }
    default:
      return { ...row, reason }
  }
}

/** Of what no request was made for: no try is spent, and nobody was called. */
export const notBegun: Answer = { kind: 'notBegun' }
/** Of what was refused for something that another request would mend, and there is no time to begin one (law 4). */
export const tooLate: Answer = { kind: 'retry', afterMs: 0, reason: 'no time left to begin' }
/** What an answer is for what had a request before this one: it was called, and where nothing was begun since it is tried again. */
export function calledBefore(answer: Answer): Answer {
  if (answer.kind === 'notBegun') return tooLate
  if (!('uncalled' in answer)) return answer
  const { uncalled: _, ...said } = answer
  return said
}
/** Whether nothing is to be begun any more. */
export const isTooLate = ({ startUntilMs = Infinity }: Pick<SendOptions, 'startUntilMs'>): boolean =>
  performance.now() > startUntilMs

/** The same answer for each of many messages. */
export const forAll = (messages: readonly unknown[], answer: Answer): Answer[] => messages.map(() => answer)
