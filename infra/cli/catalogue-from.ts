import path from 'node:path'
import { onlyFor } from '#contracts/allow-list.ts'
import type { Catalogue } from '#contracts/catalogue.ts'
import { channels } from '#contracts/channel.ts'
import type { Offer } from '#contracts/preferences.ts'
import type { MembershipSource } from '#preferences/preferences.ts'
import type { Config } from '#runtime/config.ts'
import { CommandError, stated } from './command.ts'

/** The product teams' module: their catalogue, for whom this installation tells, and lists of members that they keep themselves. */
export async function catalogueFrom({
  catalogue: file,
  allow,
}: Pick<Config, 'catalogue' | 'allow'>): Promise<{ catalogue: Catalogue; sources: readonly MembershipSource[] }> {
  const module = await (
    import(file) as Promise<{ catalogue?: Catalogue; sources?: readonly MembershipSource[] }>
  ).catch(stated(`cannot load the catalogue ${file}`))
  if (!module.catalogue) throw new CommandError(`${path.basename(file)} exports no \`catalogue\``)
  const catalogue = allow ? onlyFor(module.catalogue, allow) : module.catalogue
  return { catalogue, sources: module.sources ?? [] }
}

/** What people may switch: each category of a catalogue with the channels that any of its types is told by. */
export function offersOf({ types }: Catalogue): Offer[] {
  const byCategory = Map.groupBy(types.values(), type => type.category)
  return [...byCategory].map(([category, all]) => ({
    category,
    channels: channels.flatMap(channel => {
      const told = all.filter(type => type.deliver.some(step => step.channel === channel))
      return told.length === 0 ? [] : [{ channel, mandatory: told.every(type => type.mandatory === true) }]
    }),
  }))
}

/** The events that types of a catalogue name as their success. */
export const successesOf = ({ types }: Catalogue): Set<string> =>
  new Set([...types.values()].flatMap(({ acted }) => acted ?? []))
