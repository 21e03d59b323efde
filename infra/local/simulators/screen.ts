import type { LoggedRequest } from './request-log.ts'

/** What a person sees of an app: its notifications by tag or collapse id, oldest first, and the number on its icon. */
export type Screen = { shown: string[]; badge?: number }

/**
 * The screen of a device that got everything a provider took for it, in order, with an app that heeds removals, and whose
 * person touches nothing. Pure.
 */
export function screenOf(lines: readonly LoggedRequest[], address: string): Screen {
  const shown = new Set<string>()
  let badge: number | undefined
  for (const line of lines) {
    if (line.address !== address || !line.accepted) continue
    if (line.deliveryId !== undefined && !line.silent) shown.add(line.deliveryId)
    for (const id of line.removes ?? []) shown.delete(id)
    badge = line.badge ?? badge
  }
  return { shown: [...shown], ...(badge !== undefined && { badge }) }
}
