import type { Channel } from './channel.ts'
import { providerOfRoute } from './routes.ts'

/** What an operator can stop. */
export const stopScopes = ['type', 'category', 'channel', 'provider', 'producer', 'tenant'] as const
export type StopScope = (typeof stopScopes)[number]

/** What becomes of what is stopped: `send` keeps it until the stop is ended, `digest` too and tells it together, `drop` ends it as `killed`. */
export const resumePolicies = ['send', 'digest', 'drop'] as const
export type ResumePolicy = (typeof resumePolicies)[number]

/** An open kill switch. */
export type Stop = { id: string; scope: StopScope; name: string; resume: ResumePolicy }

/** What a stop may be about. Without `channel` and `provider`: the intent as a whole. */
export type StopSubject = {
  type: string
  category: string
  producer: string
  tenant?: string
  channel?: Channel
  provider?: string
}

/** The stop that covers a subject, mandatory types too: it is the operator's word. Of several one that drops counts. */
export function stopOn(stops: readonly Stop[], subject: StopSubject): Stop | undefined {
  if (stops.length === 0) return undefined
  const covering = stops.filter(stop => covers(stop, subject))
  return covering.find(stop => stop.resume === 'drop') ?? covering[0]
}

/** A stop of a provider is one of all its accounts; that of an account names the route. */
const covers = ({ scope, name }: Stop, subject: StopSubject): boolean =>
  subject[scope] === name || (scope === 'provider' && providerOfRoute(subject.provider ?? '') === name)

/** A stop as a reason names it: `type comment.created`. */
export const stopLabel = ({ scope, name }: Pick<Stop, 'scope' | 'name'>): string => `${scope} ${name}`
