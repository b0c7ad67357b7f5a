/* SHA-256: the examples of FIPS 180-4 and its companion documents, and any cut into pieces. */
#include "test.h"

static void hashes_to(const char *bytes, size_t n, const char *expected) {
    char hex[65];
    memset(hex, 'x', sizeof hex);
    ft__sha256_hex(bytes, n, hex);
    CHECK_TEXT(hex, expected);
}

TEST(sha256, standard_vectors) {
    static const struct {
        const char *text, *hex;
    } rows[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
        {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqr"
         "lmnopqrsmnopqrstnopqrstu",
         "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
    };
    for (size_t i = 0; i < FT__COUNT(rows); i++)
        hashes_to(rows[i].text, strlen(rows[i].text), rows[i].hex);
    hashes_to(NULL, 0, rows[0].hex);
}

TEST(sha256, a_million_times_a) {
    ft__sha256 h;
    uint8_t digest[32];
    char piece[1000], hex[65];
    memset(piece, 'a', sizeof piece);
    ft__sha256_init(&h);
    for (int i = 0; i < 1000; i++) ft__sha256_add(&h, piece, sizeof piece);
    ft__sha256_end(&h, digest);
    ft__hex(digest, 32, hex);
    CHECK_TEXT(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

/* Around the padding: every length to 300, each whole and cut into pieces of 1, 2, 3, ... bytes. */
TEST(sha256, pieces_equal_the_whole) {
    char text[300], whole[65], hex[65];
    uint8_t digest[32];
    for (size_t i = 0; i < sizeof text; i++) text[i] = (char)(i * 37 + 11);
    for (size_t n = 0; n <= sizeof text; n++) {
        ft__sha256_hex(text, n, whole);
        for (size_t step = 1; step < 140; step += 1 + step / 8) {
            ft__sha256 h;
            ft__sha256_init(&h);
            for (size_t at = 0; at < n; at += step)
                ft__sha256_add(&h, text + at, n - at < step ? n - at : step);
            ft__sha256_add(&h, NULL, 0);
            ft__sha256_end(&h, digest);
            ft__hex(digest, 32, hex);
            if (!CHECK_TEXT(hex, whole)) test_note("%zu bytes in pieces of %zu", n, step);
        }
    }
}

/* The digest of the digests of all lengths, as Python's hashlib has it. */
TEST(sha256, every_length_of_padding) {
    char text[200], hex[65];
    ft__sha256 all;
    uint8_t digest[32];
    ft__sha256_init(&all);
    for (size_t i = 0; i < sizeof text; i++) text[i] = (char)(i * 37 + 11);
    for (size_t n = 0; n <= sizeof text; n++) {
        ft__sha256_hex(text, n, hex);
        ft__sha256_add(&all, hex, 64);
    }
    ft__sha256_end(&all, digest);
    ft__hex(digest, 32, hex);
    CHECK_TEXT(hex, "5e326e10d49079c892e1957f9c2b98a13e72711c8fa0de33b2a05abc2030e087");
}

TEST(sha256, hex) {
    static const uint8_t bytes[] = {0x00, 0x0f, 0xf0, 0xff, 0xa5};
    char hex[12];
    memset(hex, 'x', sizeof hex);
    ft__hex(bytes, sizeof bytes, hex);
    CHECK_TEXT(hex, "000ff0ffa5");
    CHECK(hex[11] == 'x');
    ft__hex(bytes, 0, hex);
    CHECK_TEXT(hex, "");
}
