import type { Catalogue } from '#contracts/catalogue.ts'
import { channels, providers } from '#contracts/channel.ts'
import { isName } from '#contracts/ids.ts'
import { isRouteOf } from '#contracts/routes.ts'
import { type ResumePolicy, type Stop, stopLabel, type StopScope } from '#contracts/stop.ts'
import { logAct } from '#ledger/operator-log.ts'
import { endStop, openStop } from '#ledger/stops.ts'
import type { Database } from '#runtime/postgres.ts'

/**
 * Stops what `scope` and `name` say: in force for every decision and every claim that begins after this resolves. Stopping
 * it again changes the policy. Gives the stop's id.
 */
export function stop(
  db: Database,
  { who, why }: { who: string; why: string },
  { scope, name, resume }: { scope: StopScope; name: string; resume: ResumePolicy },
): Promise<string> {
  return db.transaction(async tx => {
    const id = await openStop(tx, { scope, name, resume, who, why })
    await logAct(tx, { who, what: 'stop', why, about: { id, scope, name, resume } })
    return id
  })
}

/** Ends a stop; what it held leaves within seconds, at a pace. Undefined when no stop of this id is open. */
export function resume(db: Database, { who }: { who: string }, id: string): Promise<Stop | undefined> {
  return db.transaction(async tx => {
    const ended = await endStop(tx, { id, who })
    if (ended) await logAct(tx, { who, what: 'resume', about: { id, stop: stopLabel(ended) } })
    return ended
  })
}

/** Why nothing of this name can be stopped: who mistypes it in a hurry must not believe that it is. */
export function stopProblem(scope: StopScope, name: string, { version, types }: Catalogue): string | undefined {
  const known = (names: readonly string[]): string | undefined =>
    names.includes(name) ? undefined : `there is no ${scope} ${name}: there are ${names.join(', ')}`
  switch (scope) {
    case 'type':
      return types.has(name) ? undefined : `catalogue ${version} has no type ${name}`
    case 'category':
      return known([...new Set([...types.values()].map(type => type.category))])
    case 'channel':
      return known(channels)
    case 'provider':
      return channels.some(channel => isRouteOf(channel, name)) ? undefined : known(Object.keys(providers))
    case 'producer':
    case 'tenant':
      return isName(name) ? undefined : `a ${scope} is a name of 1 to 200 characters`
    default:
      return scope satisfies never
  }
}
