// Preloaded into a process (`--import mutate.ts?mutant=name`): breaks one rule in one source file as it is loaded, and
// says so over IPC. A text that is no longer there fails loudly: then the mutant must be written anew.
import { registerHooks } from 'node:module'
import { type Mutant, mutants } from './mutants.ts'

const name = new URL(import.meta.url).searchParams.get('mutant') as Mutant
const { file, replace, by } = mutants[name]

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context)
    if (!url.endsWith(`/${file}`)) return loaded
    const source = new TextDecoder().decode(loaded.source as Uint8Array)
    if (source.split(replace).length !== 2) throw new Error(`mutant ${name}: "${replace}" is not once in ${file}`)
    process.send?.({ kind: 'mutated', mutant: name })
    return { ...loaded, source: source.replace(replace, () => by) }
  },
})
