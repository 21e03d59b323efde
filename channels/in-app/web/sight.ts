/** What comes before a person's eyes on a surface, and is told as that. */
export type Sight = {
  /** These lie there now, by their ids; who looks at one for the first time is told of. */
  watch(rows: ReadonlyMap<Element, string>): void
  /** Nothing lies there any more; when it does again, it is told again. */
  close(): void
}

/** Of an item so much is in view that it can be read. */
const enough = 0.5

/**
 * `tell` is given ids of items that came into view, each once, and called again when it has ended; what it throws stays untold until
 * the next time. A browser that shows nothing, because its tab lies behind another, says that nothing is in view.
 */
export function sightOf(tell: (ids: readonly string[]) => Promise<unknown>): Sight {
  const told = new Set<string>()
  let watched: ReadonlyMap<Element, string> = new Map()
  let waiting: string[] = []
  let line: Promise<unknown> = Promise.resolve()
  const say = () => {
    const ids = waiting
    waiting = []
    return ids.length === 0 ? undefined : tell(ids)
  }
  const look = (entries: readonly IntersectionObserverEntry[]) => {
    for (const { target, intersectionRatio } of entries) {
      const id = watched.get(target)
      if (id === undefined || intersectionRatio < enough || told.has(id)) continue
      told.add(id)
      waiting.push(id)
    }
    line = line.then(say).catch(() => {})
  }
  // Of the window, and so of whatever cuts off a part of it on the way there.
  const observer = new IntersectionObserver(look, { threshold: enough })
  const forget = () => {
    observer.disconnect()
    observer.takeRecords()
  }
  return {
    watch(rows) {
      forget()
      watched = rows
      for (const [row, id] of rows) if (!told.has(id)) observer.observe(row)
    },
    close() {
      forget()
      told.clear()
    },
  }
}
