// A C++ caller: the handles go into smart pointers, a lambda is a callback.
#include <cstring>
#include <memory>
#include <string>

#include "ft.h"

int main(int argc, char **argv) {
    if (argc != 2) return 9;
    ft_error err = {};
    std::unique_ptr<ft_model, void (*)(ft_model *)> model(ft_model_load(argv[1], nullptr, &err),
                                                          ft_model_free);
    if (!model) return 1;
    ft_session_desc desc = {};
    desc.threads = 2;
    std::unique_ptr<ft_session, void (*)(ft_session *)> session(
        ft_session_create(model.get(), &desc, &err), ft_session_free);
    if (!session) return 2;
    std::string heard;
    ft_generate_hooks hooks = {};
    hooks.user = &heard;
    hooks.text = [](void *user, int, const char *bytes, size_t n) {
        static_cast<std::string *>(user)->append(bytes, n);
        return 0;
    };
    ft_request request = {};
    request.text = "hello world";
    request.text_len = std::strlen(request.text);
    request.max_tokens = 8;
    ft_completion completion = {};
    if (ft_session_generate(session.get(), &request, 1, &completion, &hooks, &err) != FT_OK)
        return 3;
    bool same = heard == std::string(completion.text, completion.text_len);
    ft_completions_free(session.get(), &completion, 1);
    return same ? 0 : 4;
}
