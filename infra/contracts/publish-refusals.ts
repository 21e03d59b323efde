/**
 * Status codes of gRPC (https://grpc.io/docs/guides/status-codes/) that only a server gives that has stored nothing:
 * INVALID_ARGUMENT, NOT_FOUND, PERMISSION_DENIED, FAILED_PRECONDITION, OUT_OF_RANGE, UNIMPLEMENTED, UNAUTHENTICATED.
 */
export const publishRefusals: ReadonlySet<number> = new Set([3, 5, 7, 9, 11, 12, 16])
