/** Where a bar is in its chart, for keys: right and up are more. */
export type Place = { x: number; y: number }

const placeOf = ({ x, y }: Place): string => `${x} ${y}`

/** Where in each chart the keys have come to. */
const places = new Map<string, string>()

/** The one of many that Tab reaches: where the keys have come to, else the first. */
export const reachedIn = <P extends Place>(chart: string, all: readonly P[]): P | undefined =>
  all.find(one => placeOf(one) === places.get(chart)) ?? all[0]

/** An object is written at every drawing; of a text lit would believe that it is there still, when `walk` has moved it. */
export const tabindexOf = (isReached: boolean): string => Object(isReached ? '0' : '-1') as string

/**
 * Of many bars, which bear their place as `data-x` and `data-y`, one is reached by Tab, the others from it by arrows, Home and End, as in a
 * grid; Enter follows the link of the one.
 */
export function walk(event: KeyboardEvent, chart: string): void {
  const from = (event.target as Element).closest<Bar>('[data-x]')
  const step = steps[event.key]
  const all = [...(event.currentTarget as Element).querySelectorAll<Bar>('[data-x]')]
  if (!from || (!step && !ends.includes(event.key))) return
  event.preventDefault()
  const next = step ? nextOf(from, all, step) : all.at(ends.indexOf(event.key) - 1)
  if (!next) return
  places.set(chart, placeOf(coordinates(next)))
  for (const one of all) one.setAttribute('tabindex', one === next ? '0' : '-1')
  next.focus()
}

type Bar = HTMLElement | SVGElement

function nextOf(from: Bar, all: readonly Bar[], [dx, dy]: readonly [number, number]): Bar | undefined {
  const { x, y } = coordinates(from)
  const ahead = all.filter(one => {
    const to = coordinates(one)
    return dx === 0 ? to.x === x && Math.sign(to.y - y) === dy : Math.sign(to.x - x) === dx
  })
  const far = (one: Bar) => {
    const to = coordinates(one)
    return Math.abs(to.x - x) * 1_000 + Math.abs(to.y - y)
  }
  return ahead.toSorted((a, b) => far(a) - far(b))[0]
}

const coordinates = ({ dataset }: Bar): Place => ({ x: Number(dataset['x']), y: Number(dataset['y']) })

const steps: Record<string, readonly [number, number]> = {
  ...{ ArrowLeft: [-1, 0], ArrowRight: [1, 0] },
  ...{ ArrowUp: [0, 1], ArrowDown: [0, -1] },
}
/** The last, then the first. */
const ends: readonly string[] = ['End', 'Home']
