import type { Channel } from '#contracts/channel.ts'
import type { HoldReason } from '#contracts/decision.ts'
import { type Stop, stopLabel, stopOn } from '#contracts/stop.ts'
import type { ChannelDecision, Question, Released } from '../decide.ts'

/** What is stopped waits for the stop to end, which brings it forward; this long if nobody ever ends it. */
const stoppedForMs = 30 * 86_400_000
/** What is stopped of what is told together is asked about again after this time. */
export const stoppedDigestMs = 300_000

/**
 * The first rule of all. A stop that drops kills the channels it covers; one that keeps, and covers the whole intent,
 * holds them before anything else is asked, unless it has ended by a retraction. `going` are the channels that the other rules decide.
 */
export function applyStops(
  question: Question,
  channels: readonly Channel[],
): { decided: ChannelDecision[]; going: readonly Channel[] } {
  const { stops = [], released } = question
  if (stops.length === 0) return { decided: [], going: channels }
  const whole = stopOn(stops, question.intent)
  const decided: ChannelDecision[] = []
  const going = channels.filter(channel => {
    const stop = stopOn(stops, { ...question.intent, channel })
    if (stop?.resume === 'drop') {
      const why = { rule: 'killed', value: stopLabel(stop) } as const
      decided.push({ channel, verdict: { kind: 'refused', outcome: 'killed', why }, endpoints: [] })
    } else if (whole && !question.takenBack) {
      const reason = passedOnce(released) ? 'stopped_late' : 'stopped'
      decided.push({ channel, endpoints: [], ...held(question, { stop: whole, reason }) })
    } else return true
    return false
  })
  return { decided, going }
}

/** A stop of one channel that keeps: after dedupe, which is for all channels of a person together. */
export function stoppedChannel(question: Question, channel: Channel): Held | undefined {
  const stop = stopOn(question.stops ?? [], { ...question.intent, channel })
  return stop && held(question, { stop, reason: 'stopped_late' })
}

/** A schedule, a spread, a stop of the whole intent and a quarantine are the only holds that begin before anything else was asked. */
export const passedOnce = (released: Released | undefined): boolean =>
  released !== undefined && !['scheduled', 'spread', 'stopped', 'quarantine'].includes(released.reason)

type Held = Pick<ChannelDecision, 'verdict' | 'countedAt'>

function held({ at, released }: Question, { stop, reason }: { stop: Stop; reason: HoldReason }): Held {
  const why = { rule: 'stopped', value: stopLabel(stop) } as const
  return {
    verdict: { kind: 'held', reason, until: at + stoppedForMs, why },
    ...(released?.countedAt !== undefined && { countedAt: released.countedAt }),
  }
}
