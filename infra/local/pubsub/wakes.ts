import { limits } from './limits.ts'
import type { Delivery, Subscription } from './subscription.ts'

/**
 * Has the sweep look at the delivery when it is due. One entry per delivery is kept: an extended lease is found early
 * and put off again, so extending, the common case, costs nothing here.
 */
export function wake(subscription: Subscription, delivery: Delivery): void {
  const tick = Math.max(Math.ceil(delivery.due / limits.sweepMs), subscription.sweptTick + 1)
  if (delivery.wakeTick !== 0 && delivery.wakeTick <= tick) return
  delivery.wakeTick = tick
  const numbers = subscription.wakes.get(tick)
  if (numbers) numbers.push(delivery.message.number)
  else subscription.wakes.set(tick, [delivery.message.number])
}

/** The deliveries that are due by `now`; each is given once. */
export function takeDue(subscription: Subscription, now: number): Delivery[] {
  const nowTick = Math.floor(now / limits.sweepMs)
  const due: Delivery[] = []
  if (subscription.wakes.size > 0) {
    for (let tick = subscription.sweptTick + 1; tick <= nowTick; tick += 1) collect(subscription, tick, due)
  }
  subscription.sweptTick = nowTick
  // Put off only now: a wake below the swept tick would never be looked at.
  return due.filter(delivery => {
    if (delivery.due <= now) return true
    wake(subscription, delivery)
    return false
  })
}

function collect(subscription: Subscription, tick: number, due: Delivery[]): void {
  const numbers = subscription.wakes.get(tick)
  if (!numbers) return
  subscription.wakes.delete(tick)
  for (const number of numbers) {
    const delivery = subscription.deliveries.get(number)
    if (!delivery || delivery.wakeTick !== tick) continue
    delivery.wakeTick = 0
    if (delivery.state === 'leased' || delivery.state === 'delayed') due.push(delivery)
  }
}
