/** What a push carries, by whatever provider; only `receipt` is looked at. */
export type PushData = { readonly receipt?: string } | null | undefined
/** What happened to a push, and when by the device's clock. */
export type WaitingReceipt = { token: string; event: 'shown' | 'opened' | 'dismissed' | 'acted'; at: string }
/** Keeps what could not be said yet. */
export type ReceiptStore = { load(): Promise<WaitingReceipt[]>; save(receipts: WaitingReceipt[]): Promise<unknown> }
export type WebReceipts = {
  shown(data: PushData): Promise<void>
  opened(data: PushData): Promise<void>
  dismissed(data: PushData): Promise<void>
  acted(data: PushData): Promise<void>
  /** Says what waits. */
  flush(): Promise<void>
}
export function createReceipts(options: { url: string; store?: ReceiptStore }): WebReceipts
