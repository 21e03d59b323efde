import path from 'node:path'
import { type Layer, layers, testLayers } from './layers.ts'
import type { Import, Source } from './source.ts'

/** `#contracts` → `infra/contracts`, as package.json spells it. */
export type Borders = Readonly<Record<string, string>>

/** Every import that the table does not allow, and every file that has no row in it. */
export function forbiddenImports(sources: readonly Source[], borders: Borders): string[] {
  return sources.flatMap(source => {
    const layer = layerOf(source.path)
    if (!layer) return [`${source.path}: its folder has no row in infra/architecture/layers.ts`]
    return source.imports.flatMap(each => {
      const problem = forbidden({ source, layer, borders }, each)
      return problem ? [`${source.path}:${each.line}: imports ${each.specifier}: ${problem}`] : []
    })
  })
}

/** Rings of files in different folders that import each other when they run. */
export function rings(sources: readonly Source[], borders: Borders): string[] {
  const next = new Map(
    sources.map(({ path: from, imports }) => {
      const running = imports.filter(each => !each.typeOnly).map(each => targetOf(from, each.specifier, borders))
      return [from, running.filter(target => target !== undefined)]
    }),
  )
  const found = new Map<string, string>()
  const done = new Set<string>()
  const visit = (file: string, way: readonly string[]) => {
    const start = way.indexOf(file)
    if (start >= 0) {
      const ring = way.slice(start)
      if (new Set(ring.map(path.posix.dirname)).size > 1)
        found.set(ring.toSorted().join(), `${[...ring, file].join(' → ')}: a ring of imports`)
    }
    if (start >= 0 || done.has(file)) return
    for (const target of next.get(file) ?? []) visit(target, [...way, file])
    done.add(file)
  }
  for (const { path: file } of sources) visit(file, [])
  return [...found.values()]
}

/** `*.test.ts`, `*.long.ts` and their fixtures. */
export function isTest(file: string): boolean {
  return /\.(test|long|fixture)\.ts$/.test(file)
}

function forbidden(
  from: { source: Source; layer: Layer; borders: Borders },
  { specifier }: Import,
): string | undefined {
  const { source, layer, borders } = from
  if (specifier.startsWith('node:')) return undefined
  const target = targetOf(source.path, specifier, borders)
  if (target === undefined) return vendorProblem(source.path, layer, specifier)
  const targetLayer = layerOf(target)
  if (!targetLayer) return 'there is no such part of the project'
  const sameBorder = borderOf(target) === borderOf(source.path)
  if (specifier.startsWith('.') && !sameBorder) return `spell it #…, it is in ${borderOf(target)}`
  if (layer.imports === 'everything' || targetLayer === layer) return undefined
  if (layer.imports.includes(targetLayer.folder) || layer.imports.includes(target)) return undefined
  if (isTest(source.path) && (sameBorder || testLayers.includes(targetLayer.folder))) return undefined
  return `${layer.folder} may not import ${target}`
}

function vendorProblem(file: string, layer: Layer, specifier: string): string | undefined {
  if (layer.vendors === 'everything' || isTest(file)) return undefined
  const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
  const places = layer.vendors[name]
  if (!places) return `${layer.folder} may not use the package ${name}`
  const inside = path.posix.relative(layer.folder, file)
  if (places.some(place => path.posix.matchesGlob(inside, place))) return undefined
  return `in ${layer.folder} only ${places.join(', ')} may use the package ${name}`
}

/** The file that a specifier means, or nothing for a package. */
function targetOf(from: string, specifier: string, borders: Borders): string | undefined {
  if (specifier.startsWith('.')) return path.posix.join(path.posix.dirname(from), specifier)
  const [border = '', ...rest] = specifier.split('/')
  if (!border.startsWith('#')) return undefined
  return path.posix.join(borders[border] ?? border, ...rest)
}

function layerOf(file: string): Layer | undefined {
  return layers.find(({ folder }) => file.startsWith(`${folder}/`))
}

/** The top-level folder, one level deeper in `infra`. */
function borderOf(file: string): string {
  const parts = file.split('/')
  return parts.slice(0, parts[0] === 'infra' ? 2 : 1).join('/')
}
