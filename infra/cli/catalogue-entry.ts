import type { AnyNotificationType, Catalogue } from '#contracts/catalogue.ts'
import { CommandError } from './command.ts'

/** The type that a person named. */
export function entryOf(catalogue: Catalogue, type: string | undefined): AnyNotificationType {
  const entry = catalogue.types.get(type ?? '')
  if (!entry) throw new CommandError(`name one of these types: ${[...catalogue.types.keys()].join(', ')}`)
  return entry
}

/** `--data` as the type's schema takes it; all problems at once. */
export async function dataOf(entry: AnyNotificationType, text: string): Promise<unknown> {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    throw new CommandError('--data is not JSON')
  }
  const result = await entry.schema['~standard'].validate(json)
  if (!result.issues) return result.value
  const problems = result.issues.map(({ path, message }) =>
    [path?.map(String).join('.'), message].filter(Boolean).join(': '),
  )
  throw new CommandError(`--data: ${problems.join('; ')}`)
}
