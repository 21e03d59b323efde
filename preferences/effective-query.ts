import { channels } from '#contracts/channel.ts'
import { isName } from '#contracts/ids.ts'
import type { Place } from '#contracts/preferences.ts'
import type { Effective } from './effective.ts'
import { isChannel, type Parsed, pointerTo, type Problem } from './profile.ts'

const names = ['tenant', 'room', 'thread', 'reason'] as const
type Asked = Omit<Effective, 'at' | 'place'> & { place: Place }

/** Reads what is asked of somebody's preferences, from a query string or a command; all problems at once. */
export function parseEffective(query: Record<string, unknown>, known: readonly string[]): Parsed<Asked> {
  const problems: Problem[] = []
  const no = (field: string, detail: string) => void problems.push({ pointer: pointerTo(field), detail })
  const { category, channel, ...others } = query
  if (category !== undefined && !known.includes(category as string)) no('category', `is none of ${known.join(', ')}`)
  if (channel !== undefined && !isChannel(channel)) no('channel', `is none of ${channels.join(', ')}`)
  for (const [field, value] of Object.entries(others))
    if (!names.includes(field as (typeof names)[number])) no(field, `is none of category, channel, ${names.join(', ')}`)
    else if (value !== undefined && !isName(value)) no(field, 'must be a name')
  if (problems.length > 0) return { ok: false, problems }
  const { reason, ...place } = others as Place & { reason?: string }
  return {
    ok: true,
    value: {
      categories: category === undefined ? known : [category as string],
      ...(isChannel(channel) && { channels: [channel] }),
      ...{ place, ...(reason !== undefined && { reason }) },
    },
  }
}
