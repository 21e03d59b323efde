import path from 'node:path'
import { onlyFor } from '#contracts/allow-list.ts'
import type { Catalogue } from '#contracts/catalogue.ts'
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

/** The events that types of a catalogue name as their success. */
export const successesOf = ({ types }: Catalogue): Set<string> =>
  new Set([...types.values()].flatMap(({ acted }) => acted ?? []))
