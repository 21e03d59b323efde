import { rootEntries } from './layers.ts'

type Dependencies = Readonly<Record<string, string>>
type Manifest = { dependencies?: Dependencies; devDependencies?: Dependencies; optionalDependencies?: Dependencies }
type Lockfile = { packages: Readonly<Record<string, Manifest & { resolved?: string }>> }

/** What is at the root and does not belong there. */
export function strayEntries(names: readonly string[]): string[] {
  return names
    .filter(name => !name.startsWith('.') && !rootEntries.includes(name))
    .map(name => `${name}: the root holds only ${rootEntries.join(', ')}`)
}

/** Why `npm ci` would stop, or would depend on the registry that someone happened to use. */
export function lockfileProblems(manifest: Manifest, lockfile: Lockfile): string[] {
  const entries = Object.entries(lockfile.packages)
  const present = new Set(entries.map(([place]) => place.split('node_modules/').pop()))
  const missing = entries.flatMap(([place, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies)
      .filter(name => !present.has(name))
      .map(name => `package-lock.json: ${place || 'the project'} wants ${name}, which is not there: npm ci would stop`),
  )
  const bound = entries
    .filter(([, { resolved }]) => resolved?.includes('://'))
    .map(([place]) => `package-lock.json: ${place} names a download address; set omit-lockfile-registry-resolved`)
  const kinds = ['dependencies', 'devDependencies', 'optionalDependencies'] as const
  const behind = kinds.filter(kind => list(manifest[kind]) !== list(lockfile.packages['']?.[kind]))
  return [...missing, ...bound, ...behind.map(kind => `package-lock.json: its ${kind} are not those of package.json`)]
}

function list(dependencies: Dependencies = {}): string {
  return Object.entries(dependencies)
    .map(entry => entry.join('@'))
    .sort()
    .join()
}
