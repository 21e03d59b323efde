import path from 'node:path'
import { isTest } from './import-rules.ts'
import { clockFree, clockReaders, emptyNames, emptyWords, environmentReaders, limits } from './layers.ts'
import type { Source } from './source.ts'

/** Files and functions that do not fit on the screens they are given. */
export function tooLong(sources: readonly Source[]): string[] {
  return sources.flatMap(({ path: file, lines, functions }) => [
    ...(lines > limits.fileLines ? [`${file}: ${lines} lines, allowed are ${limits.fileLines}`] : []),
    ...functions
      .filter(each => each.lines > limits.functionLines)
      .map(each => `${file}:${each.line}: a function of ${each.lines} lines, allowed are ${limits.functionLines}`),
  ])
}

/** Files and folders whose name says nothing about what is inside. */
export function emptyFileNames(sources: readonly Source[]): string[] {
  return sources.flatMap(({ path: file }) => {
    const names = file.split('/').map(part => part.split('.')[0] ?? '')
    const empty = names.find(name => emptyNames.test(name) || name.split(/[-_]/).some(word => emptyWords.test(word)))
    return empty ? [`${file}: "${empty}" does not say what is inside`] : []
  })
}

/** Reads of `process.env` outside the configuration. */
export function environmentReads(sources: readonly Source[]): string[] {
  return sources
    .filter(source => !matches(source.path, environmentReaders))
    .flatMap(({ path: file, environmentReads }) =>
      environmentReads.map(
        line => `${file}:${line}: reads the environment; take what you need as an argument from #runtime/config.ts`,
      ),
    )
}

/** Reads of the wall clock in the pipeline outside its clock. */
export function clockReads(sources: readonly Source[]): string[] {
  return sources
    .filter(({ path: file }) => !isTest(file) && !matches(file, [...clockReaders, ...clockFree]))
    .flatMap(({ path: file, clockReads }) =>
      clockReads.map(line => `${file}:${line}: reads the wall clock; take a Clock or an instant as an argument`),
    )
}

/** Writes to tables of other modules. Migrations may, and tests, which break things on purpose. */
export function foreignWrites(sources: readonly Source[], owners: Readonly<Record<string, string>>): string[] {
  return sources
    .filter(({ path: file }) => !isTest(file) && !matches(file, ['infra/db/migrations/**', 'infra/tests/**']))
    .flatMap(({ path: file, writes }) =>
      writes.flatMap(({ table, line }) => {
        const owner = owners[table]
        return owner && !file.startsWith(`${owner}/`)
          ? [`${file}:${line}: writes ${table}, which belongs to ${owner}`]
          : []
      }),
    )
}

function matches(file: string, places: readonly string[]): boolean {
  return places.some(place => path.posix.matchesGlob(file, place))
}
