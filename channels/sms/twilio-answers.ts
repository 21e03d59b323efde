import type { Answer } from '#contracts/outcome.ts'
import { answerTo, type AnswerTable } from '../answer-table.ts'
import { connectionAnswer } from '../connection.ts'

/** By the code in the answer (https://www.twilio.com/docs/api/errors), else by HTTP status. */
export const twilioAnswers = {
  21211: { kind: 'addressDead' },
  21214: { kind: 'addressDead' },
  21217: { kind: 'addressDead' },
  21614: { kind: 'addressDead' },
  // A landline.
  21635: { kind: 'addressDead' },
  // Twilio took the STOP, before us.
  21610: { kind: 'suppress' },
  // The region is not enabled: our policy, so trying again changes nothing.
  21408: { kind: 'messageDead' },
  21602: { kind: 'messageDead' },
  21604: { kind: 'messageDead' },
  21612: { kind: 'messageDead' },
  21617: { kind: 'messageDead' },
  21212: { kind: 'config' },
  21603: { kind: 'config' },
  21606: { kind: 'config' },
  21608: { kind: 'config' },
  // Our sender: of no number of Twilio's or another country, of another account, for no texts.
  21659: { kind: 'config' },
  21660: { kind: 'config' },
  21661: { kind: 'config' },
  // The address of our callback.
  21609: { kind: 'config' },
  20003: { kind: 'config' },
  20005: { kind: 'config' },
  20404: { kind: 'config' },
  // The sender's queue is ten hours long.
  21611: { kind: 'pause', afterMs: 10 * 60_000 },
  // Documented as never processed, so it is safe to try again.
  20429: { kind: 'pause', afterMs: 2_000 },
  'HTTP 401': { kind: 'config' },
  'HTTP 403': { kind: 'config' },
  'HTTP 404': { kind: 'config' },
  'HTTP 429': { kind: 'pause', afterMs: 2_000 },
} as const satisfies AnswerTable

/** The parts of the library's errors that may be looked at: its messages may quote the number. */
export type TwilioFailure = { code?: number | string; status?: number }

export function twilioAnswer(failure: TwilioFailure, afterMs?: number): Answer {
  const { code, status } = failure
  if (typeof status !== 'number') return connectionAnswer(failure)
  return answerTo({ status, code: typeof code === 'number' ? String(code) : undefined }, twilioAnswers, { afterMs })
}
